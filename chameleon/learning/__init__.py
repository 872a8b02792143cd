"""How a mask is learnt from a user's photos, and how it is fitted to one photo."""
