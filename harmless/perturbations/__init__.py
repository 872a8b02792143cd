"""What perturbations of a model's input and of its weights, together, do to its answers."""
