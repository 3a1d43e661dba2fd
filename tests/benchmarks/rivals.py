"""Who else can do an operation: for each, the contenders of the libraries that are here.

All sides run at their default number of threads. Ours takes `same` padding with the border `edge`, which
OpenCV calls BORDER_REPLICATE and SciPy nearest; where a peer has no such border, it is not compared.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.contest import Agreement, Contender
from tests.benchmarks.peers import library

__all__ = [
    "LEFT_OUT",
    "float_agreement",
    "rivals_in_averaging",
    "rivals_in_convolving",
    "rivals_in_differentiating",
    "rivals_in_magnitude",
    "rivals_in_maxima",
    "rivals_in_smoothing",
    "rivals_in_smoothing_pixels",
]

Array = NDArray[Any]

ELSEWHERE = 0.5  # what is wanted against SciPy, scikit-image, Pillow and PyTorch
FOURIER_FROM = 50  # taps, into float32: OpenCV takes a Fourier transform

FLOATS = (
    "+-: the largest difference; allowed are 2 (taps + 8) eps sum|taps| max|image|, our docstring's twice"
)
FOURIER = "cv2.filter2D: into float32, from 50 taps on by a Fourier transform, so its integers are inexact"
PILLOW_CLIPS = "Pillow: gives clipped 8-bit pixels and leaves the border as it was; compared so"
PILLOW_BOXES = "Pillow: GaussianBlur approximates by boxes, another operation"
SCALED = "scikit-image: computes scaled results in float64; scaled back to compare, which is not timed"
TENSORS = "torch: the float32 tensors are made before; pads with zeros, so the border is not compared"
ROUNDED_UP = "means: ours rounds a half to even, Pillow and OpenCV round it up; 1 is allowed"
LEFT_OUT = ("pyvips conv beyond 7x7", "torch conv2d beyond 15x15")
FIXED_POINT = "cv2.GaussianBlur: on 8 bits in fixed point; 1 is allowed"
EVERY_SECOND = "[::2]: computes every pixel and takes every second"
VIPS_SUM = "pyvips: sobel() is |gx| + |gy|, another operation"


def rivals_in_convolving(
    taps: Array, pixels: Array, dtype: np.dtype[Any], stride: int = 1
) -> list[Contender]:
    """Return those who slide any kernel; `dtype` is that of our result."""
    found = [
        *_opencv_filter(taps, pixels, dtype, stride),
        *_scipy_correlate(taps, pixels, dtype, stride),
        *_torch_convolution(taps, pixels, stride),
    ]
    return found if stride > 1 else [*found, *_vips_convolution(taps, pixels), *_pillow_kernel(taps, pixels)]


def rivals_in_differentiating(name: str, taps: Array, pixels: Array, dtype: np.dtype[Any]) -> list[Contender]:
    """Return those who slide any kernel, and those who know `sobel` or `scharr` along x by name."""
    found = rivals_in_convolving(taps, pixels, dtype)
    cv2, scipy, skimage = library("cv2"), library("scipy.ndimage"), library("skimage.filters")
    if cv2 is not None:
        depth = _opencv_depth(cv2, dtype)
        function = {"sobel": cv2.Sobel, "scharr": cv2.Scharr}[name]
        run = partial(function, pixels, depth, 1, 0, borderType=cv2.BORDER_REPLICATE)
        found.append(Contender(f"cv2.{name.title()}", run))
    if scipy is not None and name == "sobel":
        run = partial(_scipy_sobel, scipy, pixels, 1, dtype)
        found.append(Contender("scipy.ndimage.sobel", run, wanted=ELSEWHERE))
    if skimage is not None and pixels.ndim == 2:
        run = partial({"sobel": skimage.sobel_v, "scharr": skimage.scharr_v}[name], pixels)
        gain = int(taps[taps > 0].sum()) * np.iinfo(pixels.dtype).max
        agreement = Agreement(tolerance=1e-6 * gain, peer=lambda result: result * gain)
        found.append(Contender(f"skimage {name}_v", run, agreement, ELSEWHERE, SCALED))
    return found


def rivals_in_smoothing(sigma: float, taps: Array, pixels: Array, dtype: np.dtype[Any]) -> list[Contender]:
    """Return those who smooth by the Gaussian whose kernel is `taps`, as a matrix or as two vectors."""
    cv2, scipy, skimage = library("cv2"), library("scipy.ndimage"), library("skimage.filters")
    agreement = float_agreement(taps, pixels)
    line, radius, found = taps.sum(axis=0), taps.shape[0] // 2, []
    if cv2 is not None:
        found += _opencv_filter(taps, pixels, dtype, 1)
        run = partial(cv2.sepFilter2D, pixels, cv2.CV_32F, line, line, borderType=cv2.BORDER_REPLICATE)
        found.append(Contender("cv2.sepFilter2D", run, agreement, note=FLOATS))
    if scipy is not None:
        sigmas = (sigma, sigma) + (0,) * (pixels.ndim - 2)
        run = partial(scipy.gaussian_filter, pixels, sigmas, output=dtype, mode="nearest", radius=radius)
        found.append(Contender("scipy gaussian_filter", run, agreement, ELSEWHERE, FLOATS))
    if skimage is not None:
        run = partial(
            skimage.gaussian,
            pixels,
            sigma,
            mode="nearest",
            truncate=radius / sigma,
            preserve_range=True,
            channel_axis=None if pixels.ndim == 2 else 2,
        )
        found.append(Contender("skimage gaussian", run, agreement, ELSEWHERE, FLOATS))
    image = library("PIL.Image")
    if image is not None and pixels.dtype == np.uint8:
        blur = _pillow_filters().GaussianBlur(sigma)
        run = partial(image.fromarray(pixels).filter, blur)
        found.append(Contender("Pillow GaussianBlur", run, None, note=PILLOW_BOXES))
    return found + _torch_separable(line, pixels, agreement.tolerance)


def rivals_in_smoothing_pixels(sigma: float, side: int, pixels: Array) -> list[Contender]:
    """Return those who smooth 8-bit pixels into 8-bit pixels."""
    cv2 = library("cv2")
    if cv2 is None:
        return []
    run = partial(cv2.GaussianBlur, pixels, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    return [Contender("cv2.GaussianBlur", run, Agreement(tolerance=1), note=FIXED_POINT)]


def rivals_in_magnitude(pixels: Array) -> list[Contender]:
    """Return those who make 8-bit pixels of ``sqrt(gx² + gy²)``, Sobel's."""
    return [
        *_opencv_magnitude(pixels),
        *_scipy_magnitude(pixels),
        *_skimage_magnitude(pixels),
        *_torch_magnitude(pixels),
        *_vips_magnitude(pixels),
    ]


def rivals_in_maxima(side: int, pixels: Array) -> list[Contender]:
    """Return those who take the largest of windows with stride 2."""
    torch, skimage, scipy = library("torch"), library("skimage.measure"), library("scipy.ndimage")
    found = []
    if torch is not None:
        for dtype in (torch.uint8, torch.float32):
            tensor = _tensor(torch, pixels).to(dtype)
            name = f"torch max_pool2d {str(dtype).removeprefix('torch.')}"
            run = partial(torch.nn.functional.max_pool2d, tensor, side, 2)
            found.append(Contender(name, run, Agreement(peer=_array_of_tensor), ELSEWHERE))
    if skimage is not None and side == 2:
        blocks = (2, 2) + (1,) * (pixels.ndim - 2)
        run = partial(skimage.block_reduce, pixels, blocks, np.max)
        found.append(Contender("skimage block_reduce", run, wanted=ELSEWHERE))
    if scipy is not None and side == 3:

        def every_second() -> Array:
            size = (3, 3) + (1,) * (pixels.ndim - 2)
            full: Array = scipy.maximum_filter(pixels, size)
            return full[1:-1:2, 1:-1:2]

        found.append(
            Contender("scipy maximum_filter [::2]", every_second, wanted=ELSEWHERE, note=EVERY_SECOND)
        )
    return found


def rivals_in_averaging(pixels: Array) -> list[Contender]:
    """Return those who take the mean of 2x2 windows with stride 2."""
    cv2, skimage, image = library("cv2"), library("skimage.measure"), library("PIL.Image")
    rounded = Agreement(tolerance=1)
    found = []
    if cv2 is not None:
        half = pixels.shape[1] // 2, pixels.shape[0] // 2
        run: Callable[[], Any] = partial(cv2.resize, pixels, half, interpolation=cv2.INTER_AREA)
        found.append(Contender("cv2.resize INTER_AREA", run, rounded, note=ROUNDED_UP))
    if skimage is not None:
        blocks = (2, 2) + (1,) * (pixels.ndim - 2)
        run = partial(skimage.block_reduce, pixels, blocks, np.mean)
        agreement = Agreement(peer=np.rint)
        found.append(Contender("skimage block_reduce", run, agreement, ELSEWHERE, SCALED))
    if image is not None:
        run = partial(image.fromarray(pixels).reduce, 2)
        found.append(Contender("Pillow reduce", run, rounded, ELSEWHERE, ROUNDED_UP))
    return found + _torch_average(pixels)


def _pillow_filters() -> Any:
    """Return the filters of Pillow, which is always here: convcli reads pictures by it."""
    return import_module("PIL.ImageFilter")


def float_agreement(taps: Array, pixels: Array, margin: int = 0, **read: Any) -> Agreement:
    """Allow twice the error of float32 results that `convcli.convolve` documents, since both sides have one."""
    eps = float(np.finfo(np.float32).eps)
    bound = (taps.size + 8) * eps * float(np.abs(taps).sum()) * float(pixels.max())
    return Agreement(tolerance=2 * bound, margin=margin, **read)


def _agreement(taps: Array, pixels: Array, margin: int = 0, **read: Any) -> Agreement:
    """Return that integers are equal, and floats nearly."""
    if taps.dtype.kind == "f":
        return float_agreement(taps, pixels, margin, **read)
    return Agreement(margin=margin, **read)


def _note_of(taps: Array) -> str:
    return FLOATS if taps.dtype.kind == "f" else ""


# OpenCV ---------------------------------------------------------------------------------------------------


def _opencv_depth(cv2: Any, dtype: np.dtype[Any]) -> int:
    """Return what OpenCV has for our type: it gives 16-bit integers or floats of 8-bit pixels."""
    return int(cv2.CV_16S if dtype == np.int16 else cv2.CV_32F)


def _opencv_filter(taps: Array, pixels: Array, dtype: np.dtype[Any], stride: int) -> list[Contender]:
    cv2 = library("cv2")
    if cv2 is None:
        return []
    matrix, depth = taps.astype(np.float32), _opencv_depth(cv2, dtype)
    full = partial(cv2.filter2D, pixels, depth, matrix, borderType=cv2.BORDER_REPLICATE)
    if stride > 1:
        run = partial(_every, full, stride)
        return [Contender("cv2.filter2D [::2]", run, _agreement(taps, pixels), note=EVERY_SECOND)]
    if taps.dtype.kind != "f" and taps.size >= FOURIER_FROM and depth == cv2.CV_32F:
        return [Contender("cv2.filter2D", full, float_agreement(taps, pixels), note=FOURIER)]
    return [Contender("cv2.filter2D", full, _agreement(taps, pixels), note=_note_of(taps))]


def _every(full: Callable[[], Array], stride: int) -> Array:
    every: Array = full()[::stride, ::stride]
    return every


def _opencv_magnitude(pixels: Array) -> list[Contender]:
    cv2 = library("cv2")
    if cv2 is None:
        return []

    def run() -> Any:
        border = cv2.BORDER_REPLICATE
        along_x = cv2.Sobel(pixels, cv2.CV_32F, 1, 0, borderType=border)
        along_y = cv2.Sobel(pixels, cv2.CV_32F, 0, 1, borderType=border)
        return cv2.convertScaleAbs(cv2.magnitude(along_x, along_y))

    return [Contender("cv2.Sobel twice + magnitude", run)]


# SciPy, scikit-image, Pillow, libvips ---------------------------------------------------------------------


def _scipy_correlate(taps: Array, pixels: Array, dtype: np.dtype[Any], stride: int) -> list[Contender]:
    scipy = library("scipy.ndimage")
    if scipy is None:
        return []
    weights = taps.reshape(taps.shape + (1,) * (pixels.ndim - 2))
    full = partial(scipy.correlate, pixels, weights, output=dtype, mode="nearest")
    agreement, note = _agreement(taps, pixels), _note_of(taps)
    if stride > 1:
        run = partial(_every, full, stride)
        return [Contender("scipy correlate [::2]", run, agreement, ELSEWHERE, EVERY_SECOND)]
    return [Contender("scipy.ndimage.correlate", full, agreement, ELSEWHERE, note)]


def _scipy_sobel(scipy: Any, pixels: Array, axis: int, dtype: np.dtype[Any]) -> Array:
    """Differentiate each channel on its own: SciPy would smooth across the channels too."""
    result = np.empty(pixels.shape, dtype)
    planes, targets = np.atleast_3d(pixels), np.atleast_3d(result)
    for channel in range(planes.shape[2]):
        scipy.sobel(planes[..., channel], axis=axis, output=targets[..., channel], mode="nearest")
    return result


def _scipy_magnitude(pixels: Array) -> list[Contender]:
    scipy = library("scipy.ndimage")
    if scipy is None:
        return []

    def run() -> Array:
        floats = np.dtype(np.float32)
        magnitude = np.hypot(*(_scipy_sobel(scipy, pixels, axis, floats) for axis in (1, 0)))
        return np.rint(magnitude, out=magnitude).clip(0, 255, out=magnitude).astype(np.uint8)

    return [Contender("scipy sobel twice + hypot", run, wanted=ELSEWHERE)]


def _skimage_magnitude(pixels: Array) -> list[Contender]:
    skimage = library("skimage.filters")
    if skimage is None:
        return []
    scale = 4 * 2**0.5 * 255  # divided by the gain, the mean of two squares, 8-bit pixels from 0 to 1
    agreement = Agreement(peer=lambda result: np.rint(result * scale).clip(0, 255))
    run = (
        partial(skimage.sobel, pixels)
        if pixels.ndim == 2
        else lambda: np.stack([skimage.sobel(pixels[..., channel]) for channel in range(3)], axis=2)
    )
    return [Contender("skimage sobel", run, agreement, ELSEWHERE, SCALED)]


def _pillow_kernel(taps: Array, pixels: Array) -> list[Contender]:
    """Return Pillow where it can: 3x3 and 5x5 on 8 bits; it counts the rows of a kernel from below."""
    image = library("PIL.Image")
    if image is None or taps.shape not in {(3, 3), (5, 5)} or pixels.dtype != np.uint8:
        return []
    kernel = _pillow_filters().Kernel(taps.shape, taps[::-1].ravel().tolist(), scale=1)
    run = partial(image.fromarray(pixels).filter, kernel)
    clipped = Agreement(margin=taps.shape[0] // 2, ours=lambda result: result.clip(0, 255))
    return [Contender("Pillow ImageFilter.Kernel", run, clipped, ELSEWHERE, PILLOW_CLIPS)]


def _vips_convolution(taps: Array, pixels: Array) -> list[Contender]:
    """Return libvips up to 7x7; see `LEFT_OUT`."""
    pyvips = library("pyvips")
    if pyvips is None or max(taps.shape) > 7 or pixels.dtype != np.uint8:
        return []
    image, matrix = pyvips.Image.new_from_array(pixels), pyvips.Image.new_from_array(taps.tolist())

    def run() -> Any:
        return image.conv(matrix, precision="float").numpy()

    return [Contender("pyvips conv, float", run, _agreement(taps, pixels), note=_note_of(taps))]


def _vips_magnitude(pixels: Array) -> list[Contender]:
    pyvips = library("pyvips")
    if pyvips is None:
        return []
    image = pyvips.Image.new_from_array(pixels)
    return [Contender("pyvips sobel", lambda: image.sobel().numpy(), None, note=VIPS_SUM)]


# PyTorch --------------------------------------------------------------------------------------------------


def _tensor(torch: Any, pixels: Array) -> Any:
    """Return the picture as (1, C, H, W)."""
    channels_first: Array = np.moveaxis(np.atleast_3d(pixels), 2, 0)
    return torch.from_numpy(np.ascontiguousarray(channels_first))[None]


def _array_of_tensor(tensor: Any) -> Array:
    channels_last: Array = np.moveaxis(tensor[0].numpy(), 0, 2)
    return channels_last if channels_last.shape[2] > 1 else channels_last[..., 0]


def _floats(torch: Any, pixels: Array) -> Any:
    return _tensor(torch, pixels).to(torch.float32)


def _torch_weights(torch: Any, taps: Array, channels: int) -> Any:
    """Return the same kernel for every channel, as (C, 1, f_h, f_w)."""
    return torch.from_numpy(taps.astype(np.float32)).expand(channels, 1, *taps.shape).contiguous()


def _torch_convolution(taps: Array, pixels: Array, stride: int) -> list[Contender]:
    torch = library("torch")
    if torch is None or max(taps.shape) > 15:  # see LEFT_OUT: a minute at 31x31
        return []
    tensor = _floats(torch, pixels)
    channels, margin = tensor.shape[1], max(taps.shape) // 2
    run = partial(
        torch.nn.functional.conv2d,
        tensor,
        _torch_weights(torch, taps, channels),
        stride=stride,
        padding=(taps.shape[0] // 2, taps.shape[1] // 2),
        groups=channels,
    )
    agreement = float_agreement(taps, pixels, margin, peer=_array_of_tensor)
    return [Contender("torch conv2d", run, agreement, ELSEWHERE, TENSORS)]


def _torch_separable(line: Array, pixels: Array, tolerance: float) -> list[Contender]:
    torch = library("torch")
    if torch is None:
        return []
    tensor, radius = _floats(torch, pixels), len(line) // 2
    channels = tensor.shape[1]
    column, row = (
        _torch_weights(torch, taps, channels) for taps in (line.reshape(-1, 1), line.reshape(1, -1))
    )

    def run() -> Any:
        convolve = torch.nn.functional.conv2d
        smooth = convolve(tensor, column, padding=(radius, 0), groups=channels)
        return convolve(smooth, row, padding=(0, radius), groups=channels)

    agreement = Agreement(tolerance, radius, peer=_array_of_tensor)
    return [Contender("torch conv2d twice", run, agreement, ELSEWHERE, TENSORS)]


def _torch_magnitude(pixels: Array) -> list[Contender]:
    torch = library("torch")
    if torch is None:
        return []
    tensor = _floats(torch, pixels)
    channels = tensor.shape[1]
    along_x = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    weights = [_torch_weights(torch, taps, channels) for taps in (along_x, along_x.T)]

    def run() -> Any:
        x, y = (torch.nn.functional.conv2d(tensor, taps, padding=1, groups=channels) for taps in weights)
        return torch.hypot(x, y).round_().clamp_(0, 255).to(torch.uint8)

    agreement = Agreement(margin=1, peer=_array_of_tensor)
    return [Contender("torch conv2d twice + hypot", run, agreement, ELSEWHERE, TENSORS)]


def _torch_average(pixels: Array) -> list[Contender]:
    torch = library("torch")
    if torch is None:
        return []
    tensor = _floats(torch, pixels)
    agreement = Agreement(peer=lambda result: np.rint(_array_of_tensor(result)))
    run = partial(torch.nn.functional.avg_pool2d, tensor, 2)
    return [Contender("torch avg_pool2d float32", run, agreement, ELSEWHERE, TENSORS)]
