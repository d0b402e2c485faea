"""Messages in and out: staged by the consumer, published by the relay, counted in a ledger."""
