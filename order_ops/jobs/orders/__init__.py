"""Events applied to orders, and orders that expire."""
