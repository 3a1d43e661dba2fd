"""Checks of files, a module per format: for damage that decoders accept, and for what takes them too long."""
