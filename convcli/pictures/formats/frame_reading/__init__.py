"""Reading several pictures from one file, one after the other."""
