"""What keeps a system well: looked after, checked, purged."""
