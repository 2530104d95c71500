"""Questions put to finished maps."""
