"""Files of providers and banks: taken in, expected, corrected, taken back."""
