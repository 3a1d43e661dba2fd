"""Layer types: output size, parameters and multiply-accumulates of each, in exact integers."""
