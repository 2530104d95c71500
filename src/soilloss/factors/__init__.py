"""The published equations, one function each."""
