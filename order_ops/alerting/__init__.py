"""Alert rows: what is written with the fact that caused it. Delivery reads them."""
