"""How the mask is taken off again."""
