"""Alert rows: what is written with the fact that caused it. Delivering them is to come."""
