"""Learning filters from examples: gradient descent and least squares."""
