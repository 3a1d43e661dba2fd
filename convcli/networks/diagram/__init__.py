"""Networks drawn as diagrams and as HTML pages.

A spec becomes a tree of boxes (`trees`), the boxes get sizes and text (`boxes`) and positions (`layout`); the
result (`diagram`) is drawn with a legend (`drawing`, `legend`), and put beside its table on a page (`page`).
"""
