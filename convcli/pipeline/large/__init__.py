"""Pictures that are worked on strip by strip, because they do not fit in memory."""
