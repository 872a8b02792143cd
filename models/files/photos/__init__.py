"""Photos: decoded from hostile bytes, and encoded so that a copy is of the same kind as its original."""
