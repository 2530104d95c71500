"""From the outside world to arrays."""
