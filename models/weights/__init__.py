"""Files of weights: downloaded, checked by hash, and kept in the cache."""
