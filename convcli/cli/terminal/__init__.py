"""Output on standard output and the terminal: messages, tables, previews of pictures, progress bars."""
