"""Private image synthesis."""
