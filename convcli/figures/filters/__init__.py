"""Filters as pictures: kernels with their numbers, directions, stimuli, swatches."""
