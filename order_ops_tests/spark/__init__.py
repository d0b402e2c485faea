"""Tests on a Java runtime, apart from the others: `make test-spark`."""
