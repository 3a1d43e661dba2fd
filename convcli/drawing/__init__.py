"""Drawings: shapes, SVG, raster images, fonts, colors."""
