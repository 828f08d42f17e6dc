"""Training.

One readable loop over engines, with batches and randomness that depend on the step alone.
"""
