"""A program as calls of ATen's functions: what a .pt2 file holds and what a trace records."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convcli.networks.models.operations import ModelInput, Shape, Weight

__all__ = ["Argument", "Call", "OutputName", "Program", "Reference", "Stated", "Subprogram"]


class Reference(NamedTuple):
    """The name of a tensor, or of a number that is computed from sizes."""

    name: str


class Stated(NamedTuple):
    """What a file states about a tensor: its shape for the inputs that it was exported with, and its type.

    Attributes
    ----------
    shape : tuple of int or None
        None if a side depends on the values of tensors.
    dtype : str
    """

    shape: Shape | None
    dtype: str


class Subprogram(NamedTuple):
    """Calls within a call: of a region without gradients, of a branch.

    Attributes
    ----------
    inputs : tuple of str
    outputs : tuple
    calls : tuple of Call
    """

    inputs: tuple[str, ...]
    outputs: tuple[Argument, ...]
    calls: tuple[Call, ...]


Argument = None | bool | int | float | str | Reference | Subprogram | list["Argument"]
OutputName = str | None | tuple[str | None, ...]


class Call(NamedTuple):
    """A call of a function.

    Attributes
    ----------
    target : str
        Without ``torch.ops.``, such as ``aten.conv2d.default``.
    arguments : dict
        By the names of the function's schema; those with default values may be missing.
    outputs : tuple
        The names of its results, None for one that has none; a tuple for a list of tensors.
    module : str
        Path of the module that calls, such as ``layer1.0.conv1``.
    """

    target: str
    arguments: dict[str, Argument]
    outputs: tuple[OutputName, ...]
    module: str = ""


class Program(NamedTuple):
    """Calls with their inputs, outputs, parameters and buffers.

    Attributes
    ----------
    inputs : tuple of ModelInput
        Tensors that the user gives.
    constants : dict
        Other inputs by name: numbers.
    weights : dict
        Parameters and buffers, by the names that calls use. Two names may have the same `Weight`.
    calls : tuple of Call
    outputs : tuple of (str, Reference)
        The results, with names for people.
    stated : dict
        What is stated about tensors and numbers, by name.
    """

    inputs: tuple[ModelInput, ...]
    constants: Mapping[str, Argument]
    weights: Mapping[str, Weight]
    calls: tuple[Call, ...]
    outputs: tuple[tuple[str, Reference], ...]
    stated: Mapping[str, Stated | int]
