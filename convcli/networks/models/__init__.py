"""Networks read from model files of other programs, without those programs.

A reader for each format reports what a file does as operations on arrays of known shapes (`operations`).
Groups of operations that together are one layer are joined (`fusing`), and the layers become a network
(`lowering`).
"""
