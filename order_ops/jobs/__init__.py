"""The work of each job over domain, store, providers and messaging; callable without Dagster."""
