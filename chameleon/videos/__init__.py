"""Videos: the user's face followed through the pictures, a mask that moves with it, and what came of it."""
