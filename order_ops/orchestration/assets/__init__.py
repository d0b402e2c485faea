"""Assets by subject: tables that a run brings about."""
