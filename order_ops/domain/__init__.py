"""What is true of orders, money, events and failures: no I/O, no clock, no Dagster."""
