"""Statements of banks as canonical lines: one module per format, `registry` opens them.

A statement is read whole or refused whole, and its balances are the control: opening balance plus
lines is closing balance. What every format becomes is in `statement`.
"""
