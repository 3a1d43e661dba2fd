"""Descriptions of results: OME-XML for a result of a file that has it, other texts as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from convcli.pictures.regions.ome import attributes, is_ome
from convcli.pictures.regions.properties import Storage

__all__ = ["result_description"]

OME_DTYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")


def result_description(
    storage: Storage, shape: tuple[int, int, int], dtype: np.dtype[Any], *, planes: int
) -> str:
    """Return the description of a result of height, width and samples per pixel, in so many pages.

    OME-XML says what is in a file, so it is made anew; the name of the picture and the size of its pixels
    are kept. A Zarr array that knows the size of its pixels gets it, too.
    """
    if not is_ome(storage.description) and (storage.description or storage.pixel_size is None):
        return storage.description
    if dtype.name not in OME_DTYPES:
        return ""
    from uuid import NAMESPACE_OID, uuid5  # late, both: few files have such a description

    from tifffile import OmeXml

    height, width, samples = shape
    metadata: dict[str, Any] = {}
    if storage.pixel_size is not None:
        for axis, size in zip("YX", storage.pixel_size, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": storage.unit}
    name = attributes(storage.description, "Image").get("Name")
    if name is not None:
        metadata["Name"] = name
    axes = ("C" if planes > 1 else "") + "YX" + ("S" if samples > 1 else "")
    sides = ((planes,) if planes > 1 else ()) + (height, width) + ((samples,) if samples > 1 else ())
    identifier = uuid5(NAMESPACE_OID, f"{storage.description}{sides}{dtype}")  # the same for the same result
    made = OmeXml(Creator="convcli", UUID=str(identifier))
    made.addimage(dtype, sides, (planes, 1, 1, height, width, samples), axes=axes, **metadata)
    return '<?xml version="1.0" encoding="UTF-8"?>' + made.tostring(declaration=False)
