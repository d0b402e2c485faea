"""Breaks and proposals in people's hands."""
