"""Writing several pictures as one file: each is encoded on its own, and the files are put together."""
