"""Reads pictures with Pillow, and finds those that it cannot read or keep whole."""
