"""JPEG as it is compressed: blocks of coefficients, of which a copy changes those that its mask touches."""
