"""PNG files: decoding, and encoding on all CPU cores."""
