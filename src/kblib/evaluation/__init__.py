"""How good a model is, and what may be published of what it found."""
