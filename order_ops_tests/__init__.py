"""Tests of order_ops: unit mirrors the package; the other folders need servers."""
