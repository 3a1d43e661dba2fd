"""Networks as text: the layer grammar, its words, and what a text is parsed into."""
