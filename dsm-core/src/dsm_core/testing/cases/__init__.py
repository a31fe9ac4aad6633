"""The numbered cases, by subject."""
