"""Labels that a model never saw: asked for in words, in one of several ways."""
