"""What a model has to beat: majorities, counted words, heads on frozen vectors."""
