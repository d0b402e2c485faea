"""Faults: real servers and processes, broken on purpose, and what must be true afterwards."""
