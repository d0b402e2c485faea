"""Alerts: delivered to people, and what people do with them."""
