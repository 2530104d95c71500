"""Results to people."""
