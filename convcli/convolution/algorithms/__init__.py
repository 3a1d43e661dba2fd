"""Algorithms that slide a kernel over a strip, and the choice among them."""
