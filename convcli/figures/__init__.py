"""Figures drawn of results: sheets, gradient directions, plots, previews, the sliding window."""
