"""A project file becomes a result."""
