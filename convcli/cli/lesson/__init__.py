"""The lesson: its text, as steps, and where their commands find the sample images."""
