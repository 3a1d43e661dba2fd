"""Networks drawn as diagrams: boxes and lines, SVG and HTML pages."""
