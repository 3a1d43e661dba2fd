"""Operations of a model file that together are one layer, joined.

Exporters write one layer as several operations: silu as a sigmoid and a product, layer normalization as nine.
"""
