"""Huge pictures, read and written by regions: a few rows at a time are in memory."""
