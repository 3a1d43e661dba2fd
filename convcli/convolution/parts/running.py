"""Convolution and pooling of arrays that are not in memory: the way for each kind of array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convcli.convolution.parts.operation import Operation, describe
from convcli.convolution.parts.sources import ArrayKind, array_kind
from convcli.convolution.planning import ImageKind
from convcli.errors import UsageError
from convcli.late_numpy import np
from convcli.parallel import thread_count
from convcli.pictures.arrays import image_array

__all__ = ["run_in_parts"]


def run_in_parts(
    image: Any,
    out: Any,
    *,
    plan: Callable[[ImageKind], Operation],
    apply: Callable[[Any], Any],
    jobs: int | None,
) -> Any:
    """Compute part by part what a public function returns for an array that is not in memory.

    Parameters
    ----------
    image, out : array
    plan : callable
        Plans what is computed for an image of a kind.
    apply : callable
        The public function, with all arguments but the image.
    jobs : int, optional
        Maximum number of threads; None for all CPU cores, or one in each task of Dask.
    """
    kind = array_kind(image)
    if kind == ArrayKind.MEMORY and not isinstance(image, np.ndarray):
        image = image_array(image)
    thread_count(jobs, 1)  # checks it now, not when a part is computed
    operation = plan(describe(image))
    lazy = {kind, array_kind(out)} & {ArrayKind.DASK, ArrayKind.XARRAY}
    if lazy and out is not None:
        raise UsageError(
            f"out {type(out).__name__}",
            f"does not go with an array of {lazy.pop()}; store the result, as in result.to_zarr(path)",
        )
    if kind == ArrayKind.DASK:
        from convcli.convolution.parts.lazy import lazy_result  # late, as the others: most need none of it

        return lazy_result(image, operation, jobs)
    if kind == ArrayKind.XARRAY:
        from convcli.convolution.parts.labeled import apply_labeled

        return apply_labeled(image, operation, apply)
    from convcli.convolution.parts.stored import store_result

    return store_result(image, operation, out, jobs)
