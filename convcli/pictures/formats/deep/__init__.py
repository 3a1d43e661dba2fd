"""Reads and writes what Pillow cannot: deep, scientific and multi-band pictures (the extra ``deep``)."""
