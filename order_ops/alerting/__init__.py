"""Alerts, told: how they look, and the channels that they are told by. It reads no database.

When an alert is told, and what is remembered of it, is `order_ops.jobs.alerts.alert_delivery`.
"""
