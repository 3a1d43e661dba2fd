"""Pictures: pixels and metadata, read from and written to files."""
