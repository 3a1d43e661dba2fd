"""Layer types: output sizes, parameters and multiply-accumulates (MACs), as exact integers.

A size is ``(height, width, channels)``, ``(height, width)`` if the channels are unknown, or ``(values,)``
after `Flatten`. MACs are the multiply-accumulates with the layer's weights: no bias, no normalization, no
activation.
"""
