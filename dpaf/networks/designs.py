"""Designs of the public features and the generator. A run keeps the one that it began with."""

FIRST = 1
"""Version 0.1's: normalised scattering and coarse pixels; a generator whose last layer paints four pixels at once."""
CURRENT = 2
"""And waves, which see the finest scale, colour and contrast; what that layer paints is smoothed."""
