"""A simulation as files: each provider's real format, and ours.

Belongs here: how canonical lines look in a file, as the inverse of its reader. What lines there are
does not.
"""
