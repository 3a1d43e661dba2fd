"""Layers of a network on arrays: convolution and pooling, forward and backward."""
