"""How protected copies of photos are written, measured and logged."""
