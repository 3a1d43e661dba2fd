"""PNG files: filtering and compressing on all CPU cores."""
