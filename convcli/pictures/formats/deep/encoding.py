"""Encodes what Pillow does not write: deep and multi-band TIFF, JPEG 2000, JPEG XL.

Uses tifffile and imagecodecs, which the extra ``convcli[deep]`` installs.

Source: Adobe, TIFF Revision 6.0 (1992); ISO/IEC 15444-1, JPEG 2000 core coding system, annex I (JP2).
"""

import io
import math
import struct
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.parallel import thread_count
from convcli.pictures.formats.format_checks import holds_alpha
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pictures.picture import Picture, convert_alpha

__all__ = ["encode_deep"]

CLASSIC_TIFF_BYTES = 1 << 32  # a larger file needs BigTIFF
TIFF_MARGIN = 1 << 25  # bytes for the directories, and what deflate adds to noise
JXL_EFFORT = 3  # of 9: the next takes three times as long, for files that are as large
JP2_SIGNATURES = 32  # bytes of the first two boxes
PER_METER = 254  # dots per inch are 10,000 / 254 times as many per meter
MAX_DENOMINATOR = 65  # of a resolution from 100 to 1000: both parts of a JP2 resolution fit in 16 bits


def encode_deep(
    picture: Picture,
    file_format: OutputFormat,
    resolution: tuple[float, float] | None,
    jobs: int | None,
) -> bytes | memoryview:
    """Return the bytes of a file; `check_holds` must have accepted the picture. May raise anything."""
    samples = picture.pixels
    if holds_alpha(picture, file_format) and picture.alpha is not None:
        samples = np.dstack((samples, convert_alpha(picture.alpha, samples.dtype)))
    threads = thread_count(jobs, len(samples), samples.size)
    if file_format == OutputFormat.TIFF:
        return _encode_tiff(picture, samples, resolution, threads)
    if file_format == OutputFormat.JP2:
        return _encode_jp2(picture, samples, resolution, threads)
    return _encode_jxl(samples, threads)


def _encode_tiff(
    picture: Picture, samples: NDArray[Any], resolution: tuple[float, float] | None, threads: int
) -> memoryview:
    """Return a TIFF of one page, or of one page per map; samples keep their dtype."""
    from tifffile import TiffWriter  # late: it is an extra

    pages = np.moveaxis(samples, 2, 0) if picture.maps else [samples]
    colors = picture.pixels.shape[2] if picture.pixels.ndim == 3 and not picture.maps else 1
    options: dict[str, Any] = {"photometric": "rgb" if colors == 3 else "minisblack"}
    if samples.ndim == 3 and not picture.maps:
        bands = ["unspecified"] * (0 if colors == 3 else colors - 1)
        alphas = ["unassalpha"] * (samples.shape[2] - colors)
        options |= {"planarconfig": "contig", "extrasamples": [*bands, *alphas]}
    if resolution is not None:
        options |= {"resolution": resolution, "resolutionunit": "inch"}
    memory = io.BytesIO()
    with TiffWriter(memory, bigtiff=samples.nbytes > CLASSIC_TIFF_BYTES - TIFF_MARGIN) as writer:
        for page in pages:
            writer.write(
                page,
                compression="zlib",
                iccprofile=picture.profile,
                metadata=None,
                software=False,
                maxworkers=threads,
                **options,
            )
    return memory.getbuffer()


def _encode_jxl(samples: NDArray[Any], threads: int) -> bytes:
    """Return a lossless JPEG XL."""
    from imagecodecs import jpegxl_encode  # late: it is an extra

    return bytes(jpegxl_encode(samples, lossless=True, effort=JXL_EFFORT, numthreads=threads))


def _encode_jp2(
    picture: Picture, samples: NDArray[Any], resolution: tuple[float, float] | None, threads: int
) -> bytes:
    """Return a lossless JPEG 2000, with the profile, alpha and resolution in its header."""
    from imagecodecs import jpeg2k_encode  # late: it is an extra

    data = bytes(
        jpeg2k_encode(
            np.ascontiguousarray(samples), level=0, reversible=True, codecformat="jp2", numthreads=threads
        )
    )
    header = data[JP2_SIGNATURES : JP2_SIGNATURES + int.from_bytes(data[JP2_SIGNATURES:][:4])]
    size, color = header[8:30], header[30:45]  # the boxes that the encoder writes: ihdr and colr
    if picture.profile is not None:
        color = _box(b"colr", b"\2\0\0" + picture.profile)
    boxes = size + color
    if picture.alpha is not None:
        colors = samples.shape[2] - 1
        channels = [(channel, 0, channel + 1) for channel in range(colors)] + [(colors, 1, 0)]
        definitions = b"".join(struct.pack(">3H", *channel) for channel in channels)
        boxes += _box(b"cdef", struct.pack(">H", len(channels)) + definitions)
    if resolution is not None:
        (x, x_denominator, x_exponent), (y, y_denominator, y_exponent) = map(_per_meter, resolution)
        numbers = y, y_denominator, x, x_denominator, y_exponent, x_exponent
        boxes += _box(b"res ", _box(b"resc", struct.pack(">4H2b", *numbers)))
    return data[:JP2_SIGNATURES] + _box(b"jp2h", boxes) + data[JP2_SIGNATURES + len(header) :]


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _per_meter(dots_per_inch: float) -> tuple[int, int, int]:
    """Return dots per meter as numerator, denominator and exponent of 10."""
    exponent = math.floor(math.log10(dots_per_inch)) - 2
    fraction = (Fraction(dots_per_inch) / Fraction(10) ** exponent).limit_denominator(MAX_DENOMINATOR)
    return fraction.numerator, PER_METER * fraction.denominator, 4 + exponent
