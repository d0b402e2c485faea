"""Logging today; metrics and health beside it."""
