"""Classifiers that learn from a few labels: heads on frozen vectors, encoders on pairs, prompts."""
