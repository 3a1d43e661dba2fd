"""Output sizes: how a window slides along an axis, searched forwards and backwards, and sizes as text.

The only package that knows ``floor((n + 2p - f_eff) / s) + 1``. The engine, pooling and the network
calculator all use it, so predicted sizes are the sizes produced. Integers only, exact at any size, standard
library only.

Source of the formulas: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning",
arXiv:1603.07285 (2016); SAME padding as TensorFlow defines it; ``ceil`` as PyTorch defines it.
"""
