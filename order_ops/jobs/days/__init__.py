"""Accounting days: which are due, what they are reconciled from, what comes of it."""
