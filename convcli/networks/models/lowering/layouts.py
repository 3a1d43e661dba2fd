"""Which axis of a file's array holds the batch and which the channels, through transposes and reshapes."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from convcli.networks.layer_types.base import Size
from convcli.networks.models.operations import Shape

__all__ = ["Layout"]


class Layout(NamedTuple):
    """What the axes of an array are.

    Attributes
    ----------
    batch : int
        Number of inputs that are computed at once.
    batch_axis : int or None
        The axis along which they lie; None if there is none. After a reshape it may hold other values, too.
    outer : int
        Of the values along `batch_axis`, how many times the batch is repeated: 1 if the batch comes first.
    channel_axis : int or None
        None if it is not known: then it is the last axis that is not the batch.
    """

    batch: int = 1
    batch_axis: int | None = 0
    outer: int = 1
    channel_axis: int | None = None

    def channels_of(self, shape: Shape) -> int | None:
        """Return the axis of the channels, also where it is only assumed; None for a batch of scalars."""
        if self.channel_axis is not None:
            return self.channel_axis
        axes = [axis for axis in range(len(shape)) if not self.is_batch(shape, axis)]
        return axes[-1] if axes else None

    def is_batch(self, shape: Shape, axis: int) -> bool:
        """Whether an axis holds the batch and nothing else."""
        return axis == self.batch_axis and shape[axis] == self.batch

    def sides_of(self, shape: Shape) -> list[int]:
        """Return the axes that are neither the batch nor the channels."""
        channels = self.channels_of(shape)
        return [axis for axis in range(len(shape)) if axis != channels and not self.is_batch(shape, axis)]

    def size_of(self, shape: Shape) -> Size:
        """Return the size of an array for one input: without the batch, channels last.

        Examples
        --------
        >>> Layout(batch=8, channel_axis=1).size_of((8, 64, 14, 15))
        (14, 15, 64)
        >>> Layout(batch=8).size_of((16, 197, 768))
        (2, 197, 768)
        """
        return _size_of(self, shape)

    def transposed(self, permutation: Sequence[int]) -> "Layout":
        """Return the layout of an array whose axis `i` is axis ``permutation[i]`` of this one.

        Examples
        --------
        >>> Layout(channel_axis=1).transposed((1, 2, 3, 0))
        Layout(batch=1, batch_axis=3, outer=1, channel_axis=0)
        """
        batch_axis, channel_axis = (
            None if axis is None else permutation.index(axis) for axis in (self.batch_axis, self.channel_axis)
        )
        return self._replace(batch_axis=batch_axis, channel_axis=channel_axis)

    def reshaped(self, shape: Shape, new: Shape) -> "Layout":
        """Return the layout after a reshape: an axis survives if as many values lie outside and along it.

        Examples
        --------
        >>> Layout(channel_axis=1).reshaped((1, 768, 14, 14), (1, 768, 196)).channel_axis
        1
        >>> Layout(batch=2, channel_axis=2).reshaped((2, 197, 768), (394, 768))
        Layout(batch=2, batch_axis=0, outer=1, channel_axis=1)
        """
        batch_axis, outer = self.batch_axis, 1
        if batch_axis is not None:
            before = prod(shape[:batch_axis]) * self.outer
            batch_axis = surviving_axis(new, before, self.batch, batch_axis)
            if batch_axis is None:
                batch_axis, outer = _axis_around(new, before, self.batch)
        channel_axis = self.channel_axis
        if channel_axis is not None:
            before, length = prod(shape[:channel_axis]), shape[channel_axis]
            channel_axis = surviving_axis(new, before, length, channel_axis, besides=batch_axis)
        return Layout(self.batch, batch_axis, outer, channel_axis)

    def broadcast(self, shape: Shape, new: Shape) -> "Layout":
        """Return the layout of an array of more axes to which this one is aligned at the end."""
        more = len(new) - len(shape)
        if more == 0:
            return self
        batch_axis, channel_axis = (
            None if axis is None else axis + more for axis in (self.batch_axis, self.channel_axis)
        )
        return self._replace(batch_axis=batch_axis, channel_axis=channel_axis)

    def without(self, axes: Sequence[int], rank: int) -> "Layout":
        """Return the layout of an array of this rank after removing some of its axes."""
        kept = [axis for axis in range(rank) if axis not in axes]
        batch_axis, channel_axis = (
            kept.index(axis) if axis in kept else None for axis in (self.batch_axis, self.channel_axis)
        )
        return self._replace(batch_axis=batch_axis, channel_axis=channel_axis)


@lru_cache(1 << 12)  # a model has many arrays of the same shape, and each is asked for several times
def _size_of(layout: Layout, shape: Shape) -> Size:
    channels, batch_axis = layout.channels_of(shape), layout.batch_axis
    axes = layout.sides_of(shape) + ([] if channels is None else [channels])
    divided = batch_axis is not None and shape[batch_axis] % layout.batch == 0
    sizes = [shape[axis] // layout.batch if divided and axis == batch_axis else shape[axis] for axis in axes]
    return tuple(sizes) or (1,)


def surviving_axis(
    shape: Shape, before: int, length: int, preferred: int, besides: int | None = None
) -> int | None:
    """Return the axis of this length with this many values outside it; the preferred one if several fit."""
    found, outside = None, 1
    for axis, side in enumerate(shape):
        if side == length and outside == before and axis != besides and (found is None or axis == preferred):
            found = axis
        outside *= side
    return found


def _axis_around(shape: Shape, before: int, length: int) -> tuple[int | None, int]:
    """Return the axis whose values include an axis of this length, and how often it is repeated in it."""
    outside = 1
    for axis, side in enumerate(shape):
        if outside and before % outside == 0 and before * length <= outside * side:
            return axis, before // outside
        outside *= side
    return None, 1
