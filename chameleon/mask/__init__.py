"""The mask of one user: how it lies on a photo, where it may change pixels, and the key file that keeps it."""
