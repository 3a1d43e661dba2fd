"""One picture in one call from Python: what the commands `apply` and `pool` do to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from convcli.convolution.pooling import PoolMode
from convcli.convolution.rendering import SignedMapping
from convcli.convolution.weighted import AlphaMode, NanMode
from convcli.errors import UsageError, parse_choice
from convcli.kernels.banks import Bank, MapCombination, as_filter, combine_maps
from convcli.kernels.filter import Filter
from convcli.networks.layer_types.pooling import Pooling
from convcli.pictures.channels import Channels
from convcli.pictures.limits import MAX_PIXELS
from convcli.pictures.picture import Picture, PictureKind, check_picture
from convcli.pipeline.recipes.filtering import convolution_recipe
from convcli.pipeline.recipes.pooling import parse_pool_alpha, pool_recipe
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.pipeline.single_file import FileResult, file_destination, file_reading, run_file
from convcli.sizes.per_axis import Padding, Pair, as_amounts, as_pair

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from convcli.pictures.regions.region import RegionLike

__all__ = ["filter_file", "filter_picture", "pool_file", "pool_picture"]


def filter_file(
    source: str | os.PathLike[str],
    filter: Filter | Bank | str | ArrayLike,
    *,
    output: str | os.PathLike[str] | None = None,
    format: str | None = None,
    force: bool = False,
    keep_time: bool = False,
    padding: Padding = "same",
    border: str = "edge",
    stride: Pair = 1,
    dilation: Pair = 1,
    flip: bool = False,
    channels: str = "each",
    combine: str | None = None,
    signed: str | None = None,
    scale: float | None = 1,
    bias: float = 0,
    relu: bool = False,
    alpha: str = "weighted",
    nan: str = "keep",
    max_pixels: int = MAX_PIXELS,
    frame: int | str | None = None,
    level: int | None = None,
    region: RegionLike | None = None,
    by_tiles: bool = False,
    pyramid: bool = False,
    background: str | None = None,
    jobs: int | None = None,
) -> FileResult:
    """Filter a picture file and write the result, byte for byte as ``convcli apply`` does.

    Keeps alpha, color profile, resolution and 16 bits where the result and its format can hold them, and
    applies EXIF orientation.

    Parameters
    ----------
    source : path or URL
        A picture, a ``.npy`` array, or a ``.csv`` or ``.txt`` matrix. URLs, such as ``s3://bucket/cat.png``,
        need the extra ``convcli[cloud]``.
    filter : Filter, Bank, str or array
        As for `filter_picture`.
    output : path or URL, optional
        The file to write (default: the name of the source and of the filter, in the current folder). Its
        extension selects the format.
    format : str, optional
        The format, where the extension does not say it: png, jpeg, webp, tiff, bmp, pnm, avif, gif, jp2,
        jxl, npy, csv, txt.
    force : bool
        Replace an existing file.
    keep_time : bool
        Give the output the modification and access time of the source.
    padding, border, stride, dilation, flip, channels, combine, signed, scale, bias, relu, alpha, nan,
    jobs
        As for `filter_picture`.
    max_pixels : int
        The largest picture that is read.
    frame : int or str, optional
        Which frame of an animation, or page of a document, is read, from 0 (default: the first). ``"2..5"``
        and ``"all"`` filter several, each on its own, into one file; the record then has ``frames``.
    level : int, optional
        Level of a pyramid that is read, from 0, the largest (default).
    region : (left, top, width, height) or str, optional
        The only part that is read; as text ``"left,top,WxH"``.
    by_tiles : bool
        Read, filter and write the picture in parts, so that it need not fit in memory, to a TIFF or ``.zarr``
        (default: only if it does not fit).
    pyramid : bool
        Write smaller levels, too, as viewers of large pictures want them.
    background : str, optional
        Color that replaces transparency before filtering, as in ``white`` or ``#ff8800``, for formats
        without alpha such as JPEG.

    Returns
    -------
    FileResult

    Raises
    ------
    ImageError
        The source cannot be read.
    OutputError
        The output exists, or cannot be written.
    FilterError, KernelError, SizeError, UsageError
        As `filter_picture` does.

    Examples
    --------
    >>> import convcli
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> result = convcli.filter_file("sample_images/camera.png", "sobel-x", output=f"{folder}/edges.png")
    >>> result.record["shape_out"], result.record["dtype"], result.record["min"], result.record["max"]
    ('512x512', 'int16', -860, 851)
    """
    recipe = _filter_recipe(
        filter, padding=padding, border=border, stride=stride, dilation=dilation, flip=flip,
        channels=channels, combine=combine, signed=signed, scale=scale, bias=bias, relu=relu,
        alpha=alpha, nan=nan, jobs=jobs,
    )  # fmt: skip
    destination = file_destination(
        output, format, force=force, keep_time=keep_time, by_tiles=by_tiles, pyramid=pyramid, jobs=jobs
    )
    reading = file_reading(max_pixels, frame, background, level=level, region=region, by_tiles=by_tiles)
    return run_file(source, recipe, destination, reading)


def filter_picture(
    picture: Picture,
    filter: Filter | Bank | str | ArrayLike,
    *,
    padding: Padding = "same",
    border: str = "edge",
    stride: Pair = 1,
    dilation: Pair = 1,
    flip: bool = False,
    channels: str = "each",
    combine: str | None = None,
    signed: str | None = None,
    scale: float | None = 1,
    bias: float = 0,
    relu: bool = False,
    alpha: str = "weighted",
    nan: str = "keep",
    jobs: int | None = None,
) -> Picture:
    """Filter a picture in memory, as ``convcli apply`` does.

    Parameters
    ----------
    picture : Picture
        From `read_picture`, or ``Picture(array)``.
    filter : Filter, Bank, str or array (f_h, f_w), (f_h, f_w, C) or (f_h, f_w, C, F)
        A filter, its name as in ``sobel-x`` or ``gaussian:sigma=2``, or a kernel; C channels are summed to
        one map, or to F maps, as by `convolve_volume`. `read_weights` reads them from a file. If C is 1, each
        channel of the picture is filtered by each of the F kernels, as `channels` says.
    padding, border, stride, dilation, flip
        As for `convolve`.
    channels : str
        ``each``, ``sum``, ``gray`` (luma), ``r``, ``g`` or ``b``. ``each``, with F kernels of depth 1, gives
        the F maps of the first channel, then those of the second, and so on; ``depthwise`` gives each
        channel its own share of the F kernels, in this order (as PyTorch does if groups is the number of
        channels).
    combine : str, optional
        Combines the maps of several kernels into one: ``max`` (the largest absolute value), ``sum`` (of
        absolute values) or ``norm`` (the Euclidean norm).
    signed : str, optional
        How signed values become pixels: ``abs``, ``clip``, ``center``, ``stretch``, ``gray``; ``raw`` keeps
        numbers (default: ``abs`` for pictures of pixels, ``raw`` for numbers).
    scale : float, optional
        Factor of the result; None divides by the gain of the filter.
    bias : float
        Added after scaling.
    relu : bool
        Set negative values to 0, after scale and bias.
    alpha : str
        ``weighted``: filters that average (their coefficients have a sum) weight colors by alpha, so colors
        that nobody sees do not count; alpha is that of the pixel at the center of the window. ``straight``:
        colors count as if opaque. ``filter``: as weighted, and alpha is filtered, too.
    nan : str
        ``keep``: a window with NaN gives NaN. ``ignore``: NaN is left out, and the other values of the window
        count for it; windows of only NaN give NaN.
    jobs : int, optional
        Maximum number of threads (default: all available CPU cores).

    Returns
    -------
    Picture
        Pixels of 8 bits (16 for a picture of 16 bits), or numbers; with the alpha, color profile and
        resolution of the picture. Its `notes` say what could not be kept.

    Raises
    ------
    FilterError, KernelError, SizeError, UsageError
        The filter or an option is invalid, or the filter does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> picture = convcli.Picture(np.array([[10, 10, 0, 0]] * 3, dtype=np.uint8))
    >>> convcli.filter_picture(picture, "sobel-x").pixels
    array([[ 0, 40, 40,  0],
           [ 0, 40, 40,  0],
           [ 0, 40, 40,  0]], dtype=uint8)
    """
    recipe = _filter_recipe(
        filter, padding=padding, border=border, stride=stride, dilation=dilation, flip=flip,
        channels=channels, combine=combine, signed=signed, scale=scale, bias=bias, relu=relu,
        alpha=alpha, nan=nan, jobs=jobs,
    )  # fmt: skip
    return _apply(picture, recipe)


def pool_file(
    source: str | os.PathLike[str],
    *,
    mode: str = "max",
    size: Pair = 2,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    alpha: str = "weighted",
    nan: str = "keep",
    output: str | os.PathLike[str] | None = None,
    format: str | None = None,
    force: bool = False,
    keep_time: bool = False,
    max_pixels: int = MAX_PIXELS,
    frame: int | str | None = None,
    level: int | None = None,
    region: RegionLike | None = None,
    by_tiles: bool = False,
    pyramid: bool = False,
    background: str | None = None,
    jobs: int | None = None,
) -> FileResult:
    """Pool a picture file and write the result, byte for byte as ``convcli pool`` does.

    Parameters
    ----------
    source, output, format, force, keep_time, max_pixels, frame, level, region, by_tiles, pyramid, background
        As for `filter_file`.
    mode, size, stride, padding, ceil, jobs
        As for `pool`.
    alpha, nan
        As for `pool_picture`.

    Returns
    -------
    FileResult

    Raises
    ------
    ImageError
        The source cannot be read.
    OutputError
        The output exists, or cannot be written.
    SizeError, UsageError
        An option is invalid, or the window does not fit.
    """
    destination = file_destination(
        output, format, force=force, keep_time=keep_time, by_tiles=by_tiles, pyramid=pyramid, jobs=jobs
    )
    reading = file_reading(max_pixels, frame, background, level=level, region=region, by_tiles=by_tiles)
    recipe = _pool_recipe(mode, size, stride, padding, ceil=ceil, alpha=alpha, nan=nan, jobs=jobs)
    return run_file(source, recipe, destination, reading)


def pool_picture(
    picture: Picture,
    *,
    mode: str = "max",
    size: Pair = 2,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    alpha: str = "weighted",
    nan: str = "keep",
    jobs: int | None = None,
) -> Picture:
    """Pool a picture in memory, as ``convcli pool`` does.

    Parameters
    ----------
    picture : Picture
    mode, size, stride, padding, ceil, jobs
        As for `pool`. Means of pixels are rounded half to even; those of arrays and matrices are exact.
    alpha : str
        ``weighted``: means weight colors by alpha, and the maximum is that of the pixels that are not fully
        transparent. ``straight``: colors count as if opaque. Alpha itself is pooled as the colors are.
    nan : str
        ``keep``: a window with NaN gives NaN. ``ignore``: NaN is left out; windows of only NaN give NaN.

    Returns
    -------
    Picture

    Raises
    ------
    SizeError, UsageError
        An option is invalid, or the window does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> convcli.pool_picture(convcli.Picture(np.array([[1, 2, 5, 6], [3, 4, 7, 8]], dtype=np.uint8))).pixels
    array([[4, 8]], dtype=uint8)
    """
    recipe = _pool_recipe(mode, size, stride, padding, ceil=ceil, alpha=alpha, nan=nan, jobs=jobs)
    return _apply(picture, recipe)


def _filter_recipe(
    filter: Filter | Bank | str | ArrayLike,
    *,
    padding: Padding,
    border: str,
    stride: Pair,
    dilation: Pair,
    flip: bool,
    channels: str,
    combine: str | None,
    signed: str | None,
    scale: float | None,
    bias: float,
    relu: bool,
    alpha: str,
    nan: str,
    jobs: int | None,
) -> Recipe:
    """Make the recipe of a filter from options as Python has them."""
    filter = as_filter(filter)
    if combine is not None:
        if not isinstance(filter, Bank):
            raise UsageError(f"combine {combine!r}", "applies to a bank of several kernels, not to a filter")
        filter = combine_maps(filter, parse_choice(combine, MapCombination, "combine"))
    window = SlidingWindow.of(padding, border, stride, dilation, flip=flip, jobs=jobs)
    mapping = None if signed is None else parse_choice(signed, SignedMapping, "signed")
    rendering = Rendering(
        parse_choice(channels, Channels, "channels"), mapping, scale, (bias,), relu,
        parse_choice(alpha, AlphaMode, "alpha"), parse_choice(nan, NanMode, "nan"),
    )  # fmt: skip
    return convolution_recipe(filter, window, rendering, measured=True)


def _pool_recipe(
    mode: str,
    size: Pair,
    stride: Pair | None,
    padding: Padding,
    *,
    ceil: bool,
    alpha: str,
    nan: str,
    jobs: int | None,
) -> Recipe:
    kind = parse_choice(mode, PoolMode, "mode")
    layer = Pooling(
        window=as_pair(size, "filter", 1), stride=None if stride is None else as_pair(stride, "stride", 1),
        padding=as_amounts(padding), ceil=ceil, type=f"{kind}pool",
    )  # fmt: skip
    nan_mode = parse_choice(nan, NanMode, "nan")
    return pool_recipe(layer, kind, jobs, alpha=parse_pool_alpha(alpha), nan=nan_mode)


def _apply(picture: Picture, recipe: Recipe) -> Picture:
    check_picture(picture)
    as_numbers = picture.kind != PictureKind.PIXELS if recipe.as_numbers is None else recipe.as_numbers
    return recipe.run(picture, as_numbers).picture
