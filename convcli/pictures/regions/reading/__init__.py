"""Readers of huge pictures, a module for each format."""
