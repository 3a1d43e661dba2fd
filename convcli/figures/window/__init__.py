"""The sliding window, drawn: axes, grids, captions, layout."""
