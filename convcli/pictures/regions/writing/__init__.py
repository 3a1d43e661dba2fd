"""Writes huge pictures from rows that come in order: tiled BigTIFF and Zarr."""
