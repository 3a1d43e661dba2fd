"""How a window slides along an axis, and the size of what comes out."""
