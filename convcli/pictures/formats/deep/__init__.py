"""Reads what Pillow cannot keep whole: deep, scientific and multi-band pictures (the extra ``deep``)."""
