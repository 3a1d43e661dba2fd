"""The compiled core, in C. Each function releases the interpreter's lock while it works.

Images are anything with the buffer protocol, of a native dtype: numpy arrays, or memoryviews of bytes. They
are (H, W) or (H, W, C), in which the channels of a pixel are contiguous; rows and pixels may have any
distance. An output must not overlap an input.
"""

from typing_extensions import Buffer

def instruction_sets() -> tuple[str, ...]:
    """Return the instruction sets that this processor and the core have, the best first: one of them runs."""

def instruction_set() -> str:
    """Return the one that runs."""

def use_instruction_set(name: str, /) -> None:
    """Select one of `instruction_sets`, for tests. Raises ValueError for any other."""

def measure(image: Buffer, channels: int = ..., /) -> tuple[int, int, int]:
    """Return the smallest and the largest value of a uint8 or uint16 image that is not empty, and the sum.

    Only the first `channels` of each pixel count (default: all).
    """

def pool(
    source: Buffer,
    out: Buffer,
    *,
    mode: str,
    rows: tuple[int, int, int],
    columns: tuple[int, int, int],
    start: int = 0,
    stop: int = -1,
    weights: Buffer | None = None,
) -> None:
    """Write the largest values or the means of windows.

    `mode` is ``max`` or ``avg``; `rows` and `columns` are window, stride and padding at the start of each
    axis. Each window must hold a pixel of the image; padding counts in none. Rows from `start` to before
    `stop` of `out` are written; without `stop`, all that follow.

    `source` holds integers, float32 or float64; its pixels lie one behind the other, at any distance. `out`
    has the dtype and the channels of `source`, or is float64 for exact means of integers; its pixels are
    contiguous. A maximum is that of `numpy.maximum`, and of equal values, 0.0 and -0.0, the first one: down
    the columns, then along the row. Means of integers are rounded half to even, or exact sums are divided
    once, in float64; a sum that does not fit into 64 bits wraps around. Floats are summed in float64, in the
    same order.

    `weights` is (H, W), of the dtype of a uint8 or uint16 image. In windows where not all weights are the
    largest value of the dtype, a mean is the sum of products divided by the sum of weights, in float64, and
    rounded, and a maximum that of the pixels whose weight is not 0. Windows without any weight give what they
    give without `weights`.

    Raises ValueError for all else, and MemoryError if the sums of a row do not fit into memory.
    """

def fourier(
    real: Buffer, imaginary: Buffer, factor_real: Buffer = ..., factor_imaginary: Buffer = ..., /
) -> None:
    """Transform a matrix of complex numbers in place, multiply it by factors and transform it back.

    The parts of the matrix, and the factors, are contiguous float64 of one shape; its sides are powers of two
    from 8 to 65536. The transform back is not divided by the number of values.

    Without factors it transforms only: this makes factors of a kernel. The order of the results is that of
    the instruction set that runs, so they are of use only as factors.

    Raises ValueError for all else.
    """

def png_filtered(
    pixels: Buffer, channels: int, alpha: Buffer | None, start: int, stop: int, types: int, /
) -> bytes:
    """Return rows as PNG stores them: the filter type of each, then its filtered bytes.

    The pixels are uint8 or uint16, the first `channels` of each count; alpha is one more channel, of the same
    size and dtype, and together there are at most 4. `types` has a bit for each filter type from which each
    row may choose the one with the smallest sum of absolute values. Raises ValueError for anything else, and
    for rows `start` to `stop` that are not in the picture.
    """

def png_strip(
    pixels: Buffer,
    channels: int,
    alpha: Buffer | None,
    start: int,
    stop: int,
    types: int,
    only_runs: bool,
    last: bool,
    /,
) -> tuple[bytes, int]:
    """Return such rows as a part of a deflate stream, and the Adler-32 checksum of their filtered bytes.

    If `types` is 0, filter types are chosen by the entropy of a sample of the bytes, for some rows at once.
    Matches refer to no bytes before the part; with `only_runs`, they are runs of equal bytes. The part ends
    the stream if it is the `last`, otherwise it ends at a whole byte.
    """

def png_decoder(data: Buffer, pixels: Buffer, channels: int, /) -> object:
    """Return a decoder of the compressed data of a PNG file that is not interlaced, for `png_decode`.

    The last 8 bytes of the data do not count: they may be read with those before. The pixels, uint8 or
    uint16, have the size of the picture; other samples of a pixel than the first `channels` become opaque.
    Raises ValueError for what does not fit.
    """

def png_decode(decoder: object, rounds: int, /) -> bool:
    """Write pixels, about `rounds` times 128 KiB, and return whether all have been written.

    Raises ValueError if the data is damaged, has a wrong checksum, or is not exactly that of the pixels, and
    if the decoder is in use or has ended.
    """

def png_unfilter(
    data: Buffer,
    above: Buffer,
    pixels: Buffer,
    channels: int,
    top: int,
    down: int = 1,
    left: int = 0,
    across: int = 1,
    /,
) -> None:
    """Undo the filters of whole rows of a PNG file, and write them to pixels, uint8 or uint16.

    `above` holds the bytes of the row above without a filter, zeros for the first; afterwards it holds those
    of the last row. The rows are written from the row `top` on; other samples of a pixel than the first
    `channels` become opaque. In a pass of an interlaced picture, rows are `down` apart and pixels `across`,
    from the column `left` on. Raises ValueError for a filter that PNG does not have, with some rows written
    already, and for anything that does not fit.
    """

def entropy(data: Buffer, /) -> float:
    """Return about how many bits an ideal code of single bytes takes for bytes, less than 2 GiB of them."""

def layer_products(
    images: Buffer,
    weights: Buffer,
    target: Buffer,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    start: tuple[int, int],
    /,
) -> None:
    """Compute a convolution layer, or some of its rows and columns.

    All arrays are float32, or all are float64; each output adds its products in the order of the window,
    without fused multiply-add.

    Parameters
    ----------
    images : (m, h, w, n_c_prev)
        With any distances between images, rows and pixels, as for `target`.
    weights : (blocks, f_h f_w n_c_prev + 1, lanes), contiguous
        In blocks of 64 bytes of filters (16 lanes of float32, 8 of float64), the last filled up; the last
        row of a block is the bias.
    target : (m, n_h, n_w, n_c)
    start
        Row and column of the images at which the first window begins; they are zero around their pixels.

    Raises
    ------
    TypeError, ValueError
        A dtype, shape or distance does not fit, or the target overlaps another array.
    """

def layer_depthwise(
    images: Buffer,
    weights: Buffer,
    target: Buffer,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    start: tuple[int, int],
    /,
) -> None:
    """Compute a depthwise layer, as `layer_products` a dense one.

    `weights` are (f_h f_w + 1, n_c + lanes): those of each tap for all filters, and once more from the first
    filter on; the last row is the bias. Filters are a multiple of the channels. Weights are not multiplied by
    padding.
    """

def layer_winograd(images: Buffer, weights: Buffer, target: Buffer, start: tuple[int, int], /) -> None:
    """Compute a dense float32 layer with windows of 3x3 pixels and stride 1 by Winograd's algorithm.

    Arguments are those of `layer_products`, but there are at least 16 channels, and `weights` are those of
    the 36 positions of F(4x4, 3x3), see `convcli.layers.winograd`: (blocks, 36 (n_c_prev + 1), lanes). After
    those of a position follow zeros, or after those of position 7 the bias.
    """

def correlate(
    source: Buffer,
    out: Buffer | None,
    *,
    channels: int,
    rows: Buffer,
    columns: Buffer,
    border: float,
    kernels: tuple[Buffer | tuple[Buffer, Buffer], ...],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    working: str,
    combination: str,
    single_squares: bool,
    rendering: tuple[str, float, float, bool, bool, float, float] | None,
) -> tuple[int, int, int, int, float, float, float] | None:
    """Correlate an image with kernels, and store the values or render them as pixels.

    Parameters
    ----------
    source : (H, W) or (H, W, S) of 8- to 64-bit integers, float32 or float64
        Only its first `channels` samples are read.
    out : (H', W') or (H', W', C)
        For values: int16, int32, int64, float32 or float64. For pixels: uint8 or uint16, and C may be 4 for
        three channels; the fourth becomes opaque. Rows must be contiguous. None for a range.
    rows, columns : int64
        For each row and column of the padded image the row or column of the image, or -1 for `border`.
    kernels : float64 (f_h, f_w), or pairs of float64 (f_h,) and (f_w,)
        At most 64, of one size: taps, or a column and a row whose product they are.
    stride, dilation : (vertical, horizontal)
    working : str
        The type of sums: ``h`` int16, ``i`` int32 as sums of groups in int16, ``f`` float32, ``d`` float64.
        ``h`` and ``i`` take 8-bit images and whole taps, whose sums must fit.
    combination : str
        ``single``, ``magnitude``, ``strongest``, ``absolute sum``, ``absolute maximum``.
    single_squares : bool
        Square in float32, for a magnitude.
    rendering : (mapping, scale, bias, relu, statistics, lowest, extent), or None for values
        The mapping is ``abs``, ``clip``, ``center``, ``stretch`` (lowest to lowest + extent), ``gray`` (the
        value extent is lowest levels above mid-gray), ``range``.

    Returns
    -------
    (above, below, nan, finite, lowest, highest, total) or None
        Of pixels: how many values lie above white, below black or are NaN; and statistics of finite values,
        before they are mapped: their number, the smallest, the largest and the sum, measured if asked for.

    Raises
    ------
    ValueError
        Shapes, dtypes, distances or numbers do not fit, a row or column is outside of the image, or `out`
        overlaps the image.
    MemoryError
        There is not enough memory.
    """
