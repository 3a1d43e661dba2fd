"""Pixel sizes in OME-XML, the description that microscopes write into TIFF files.

Source: Open Microscopy Environment, OME Data Model and File Formats (2016-06 schema), element Pixels.
"""

from __future__ import annotations

import re
from html import unescape

__all__ = ["attributes", "is_ome", "kept_description", "pixel_size"]

OF_A_LAYOUT = ('{"shape"', "ImageJ=")  # how descriptions begin that say how another file is laid out
MICROMETER = "µm"  # the unit where the file gives none


def is_ome(description: str) -> bool:
    """Whether a description is OME-XML.

    Examples
    --------
    >>> is_ome('<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"/>')
    True
    """
    return description.lstrip().startswith("<") and "<OME" in description[:2000]


def kept_description(description: str) -> str:
    """Return a description, or nothing if it only says how the file is laid out."""
    return "" if description.lstrip().startswith(OF_A_LAYOUT) else description


def attributes(description: str, element: str) -> dict[str, str]:
    """Return the attributes of the first such element in XML, in a time that grows as its length does.

    Examples
    --------
    >>> attributes('<ome:OME><ome:Image ID="Image:0" Name="cells &amp; more"/></ome:OME>', "Image")
    {'ID': 'Image:0', 'Name': 'cells & more'}
    """
    found = re.search(rf"<(?:\w+:)?{element}\b([^<>]*)>", description)
    pairs = re.findall(r'\b(\w+)\s*=\s*"([^"]*)"', found[1]) if found else ()
    return {name: unescape(value) for name, value in pairs}


def pixel_size(description: str) -> tuple[tuple[float, float] | None, str]:
    """Return height and width of a pixel, and their unit, of the first picture in OME-XML.

    Examples
    --------
    >>> pixel_size('<OME><Image><Pixels PhysicalSizeX="0.5" PhysicalSizeXUnit="nm" PhysicalSizeY="0.25"/>')
    ((0.25, 0.5), 'nm')
    """
    if not is_ome(description):
        return None, ""
    pixels = attributes(description, "Pixels")
    try:
        size = float(pixels["PhysicalSizeY"]), float(pixels["PhysicalSizeX"])
    except (KeyError, ValueError):
        return None, ""
    if not all(0 < side < 1e12 for side in size):
        return None, ""
    return size, pixels.get("PhysicalSizeXUnit", MICROMETER)
