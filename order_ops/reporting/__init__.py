"""How results are shown to people: the report page, its plots, and files for spreadsheets.

Figures are worked out elsewhere; nothing here decides anything.
"""
