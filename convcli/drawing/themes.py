"""Light and dark pages: the choice of a theme, which works by CSS alone, and its colors."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

from convcli.drawing.shapes import PALETTE, Ink

__all__ = ["DARK_CHOSEN", "LIGHT_CHOSEN", "theme_choice", "theme_colors"]

THEMES = {"auto": "system", "light": "light", "dark": "dark"}
LIGHT_CHOSEN, DARK_CHOSEN = ":root:has(#light:checked)", ":root:has(#dark:checked)"


def theme_choice() -> Element:
    """Return the choice between the system's theme, light and dark.

    Examples
    --------
    >>> [button.get("id") for button in theme_choice().iter("input")]
    ['auto', 'light', 'dark']
    """
    group = Element("fieldset")
    SubElement(group, "legend").text = "theme"
    for theme, text in THEMES.items():
        label = SubElement(group, "label")
        button = SubElement(label, "input", {"type": "radio", "name": "page", "id": theme})
        if theme == "auto":
            button.set("checked", "checked")
        button.tail = f" {text}"
    return group


def theme_colors(variables: Mapping[str, Ink]) -> str:
    """Return the CSS rules that define variables as colors; the default follows the system.

    Examples
    --------
    >>> theme_colors({"paper": Ink.PAPER})[:68]
    ':root{color-scheme:light dark;--paper:#ffffff;}@media (prefers-color'
    """
    light, dark = (
        "".join(f"--{name}:{PALETTE[ink][theme]};" for name, ink in variables.items()) for theme in (0, 1)
    )
    return (
        f":root{{color-scheme:light dark;{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"{LIGHT_CHOSEN}{{color-scheme:light;{light}}}{DARK_CHOSEN}{{color-scheme:dark;{dark}}}"
    )
