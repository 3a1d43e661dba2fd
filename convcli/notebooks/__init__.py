"""Figures in one call from Python, and how notebooks show objects."""
