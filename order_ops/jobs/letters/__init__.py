"""Dead letters in people's hands: chosen, looked at, replayed, edited, discarded."""
