"""Payments that never happened, of which everything is known: both sides, and the truth.

Belongs here: making our entries and a provider's lines of any size from a seed, with faults that
are labelled, writing both as files, and judging what a reconciliation found. Reconciling does not.
"""
