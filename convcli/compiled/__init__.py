"""The compiled core: loops over pixels in C. It is optional: without it, numpy does the same work."""
