"""What is handed over: files of payment providers (`files/`) and of banks (`banks/`), and an API.

Matching, storing and deciding what a line means for an order do not belong here.
"""
