"""Standard output and the terminal: messages, tables, previews, progress."""
