"""Checks for damaged files that decoders accept: a module per format."""
