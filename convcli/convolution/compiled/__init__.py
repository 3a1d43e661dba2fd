"""Calling the compiled core: strips of values, and pixels rendered in the same pass."""
