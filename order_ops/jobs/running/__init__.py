"""How work is performed: begun once, kept, stopped in time, swept up, told of."""
