"""Designs of the public features and the generator. A run keeps the one that it began with."""

FIRST = 1
"""Version 0.1's: normalised scattering and coarse pixels; a generator whose last layer paints four pixels at once."""
SMOOTHED = 2
"""And waves, which see the finest scale, colour and contrast; what that layer paints is smoothed."""
SHARP = 3
"""The same features; a generator with layers at the size of the image and noise for each place of each grid."""
CURRENT = 4
"""And what it paints has no checkerboard; the class head's verdict holds for equally frequent classes."""
KNOWN = (FIRST, SMOOTHED, SHARP, CURRENT)
