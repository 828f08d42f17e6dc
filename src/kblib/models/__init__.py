"""Language models: their shapes, names, folders and uses. This file imports none of them."""
