"""Programs of PyTorch: ``.pt2`` files and traced modules, read without PyTorch.

Both are lists of calls of ATen, PyTorch's library of operations (`calls`). `loading` reads them from a file,
`tracing` records them while a module runs, and `evaluation` computes what they do to inputs of given shapes,
by the rules in `rules`.
"""
