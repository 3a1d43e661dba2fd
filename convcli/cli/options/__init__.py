"""Options: what several commands declare, and how their values become inputs, outputs and recipes."""
