"""State dicts: files of weights by name (``.safetensors``, ``.pth``), and whether they fit a network.

Only names, shapes and data types are read: no values, and no code that a file names is imported or executed.
"""
