"""Benchmarks: order_ops beside its peers, on servers of their own. `make bench`."""
