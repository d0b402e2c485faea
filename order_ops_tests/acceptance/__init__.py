"""What a person does: the demo, and a day with everything running."""
