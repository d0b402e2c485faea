"""What payment providers hand over: their files as canonical frames, and their API behind a client.

Matching, storing and deciding what a line means for an order do not belong here.
"""
