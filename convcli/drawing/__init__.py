"""Drawings: shapes, rendered as SVG or as raster images; fonts and colors."""
