"""Kernels: named filters with their sources, typed kernels, weights from files."""
