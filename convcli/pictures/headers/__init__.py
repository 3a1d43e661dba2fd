"""Reads the headers of picture files: what a file holds, before anything is decoded."""
