"""Labels that a model never saw: asked for in words, by entailment, vectors, a blank or a prompt."""
