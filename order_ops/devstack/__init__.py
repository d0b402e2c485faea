"""Embedded services, the supervisor and the demo day: for a laptop and for the tests."""
