"""The recognisers that Guise knows by name, and the user's own: records, weights, loading."""
