"""A paragraph on data and methods, written from what the results know of themselves."""

from kblib.methods.paragraph import Methods, methods

__all__ = ["Methods", "methods"]
