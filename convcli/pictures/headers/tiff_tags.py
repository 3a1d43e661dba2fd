"""The numbers of the tags of TIFF files, some of which EXIF has, too, and of what their values mean.

Source: Adobe, TIFF revision 6.0 (1992), appendix A; for the image depth, libtiff.
"""

__all__ = [
    "ASCII", "ASSOCIATED", "CENTIMETER", "FLOAT", "INCH", "SEPARATE_PLANES", "SIGNED", "UNASSOCIATED",
    "UNSIGNED", "Photometric", "Tag",
]  # fmt: skip


class Tag:
    """Numbers of tags."""

    WIDTH, HEIGHT, BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
    DESCRIPTION, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP = 270, 273, 274, 277, 278
    STRIP_COUNTS, X_RESOLUTION, Y_RESOLUTION, PLANAR, PAGE_NAME = 279, 282, 283, 284, 285
    RESOLUTION_UNIT, COLOR_MAP = 296, 320
    TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
    INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT = 332, 338, 339
    YCBCR_COEFFICIENTS, YCBCR_SUBSAMPLING, REFERENCE_BLACK_WHITE = 529, 530, 532
    IMAGE_DEPTH, PROFILE = 32997, 34675


class Photometric:
    """Numbers of photometric interpretations: what the samples of a pixel mean."""

    WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR = 0, 1, 2, 3, 5, 6


ASCII = 2  # type of values
SEPARATE_PLANES = 2  # planar configuration: a plane for each sample
INCH, CENTIMETER = 2, 3  # resolution unit
ASSOCIATED, UNASSOCIATED = 1, 2  # kind of an extra sample
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # sample format
