"""Everything that hangs together with an id."""
