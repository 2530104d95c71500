"""Where cells are and how work is cut."""
