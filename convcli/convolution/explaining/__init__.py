"""Explaining results: the values that each is computed from, and how often each input is read."""
