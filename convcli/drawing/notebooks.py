"""How notebooks show objects: by functions of a package above theirs, which is loaded when one is shown."""

from importlib import import_module

__all__ = ["notebook_html", "notebook_png"]

VIEWS = "convcli.notebooks.views"  # by name, because it imports the classes whose objects it shows


def notebook_html(view: str, value: object) -> str:
    """Return an object as HTML, drawn by a function of `VIEWS`."""
    html: str = getattr(import_module(VIEWS), view)(value)
    return html


def notebook_png(view: str, value: object) -> bytes:
    """Return an object as a PNG file, drawn by a function of `VIEWS`."""
    png: bytes = getattr(import_module(VIEWS), view)(value)
    return png
