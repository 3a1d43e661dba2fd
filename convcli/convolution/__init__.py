"""The convolution engine: one image, one kernel, exact results; pooling; rendering to pixels."""
