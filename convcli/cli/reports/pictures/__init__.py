"""Answers about pictures, filters and kernels: results, explained values and windows, kernels as text."""
