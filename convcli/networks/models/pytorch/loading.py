"""Loads .pt2 files: zip archives of torch.export.save, of which only the program is read, not the weights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from convcli.errors import SizeError, SpecError
from convcli.networks.models.archives import open_archive
from convcli.networks.models.pytorch.evaluation import evaluate_program
from convcli.networks.models.pytorch.parsing import parse_program
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convcli.networks.models.archives import Archive
    from convcli.networks.models.operations import Model, ModelInput, Shape
    from convcli.networks.models.pytorch.parsing import ParsedProgram

__all__ = ["LoadedProgram", "load_pt2"]

OLD_PROGRAM = "serialized_exported_program.json"  # of torch 2.1 to 2.6
WEIGHTS = "_weights_config.json"


def load_pt2(path: str | os.PathLike[str]) -> LoadedProgram:
    """Read a program that torch.export.save wrote.

    Raises
    ------
    SpecError
        The file cannot be read, is damaged, or holds no program or several.

    Examples
    --------
    >>> load_pt2("resnet18.pt2").inputs  # doctest: +SKIP
    (ModelInput(name='x', shape=(1, 3, 224, 224), channel_axis=1),)
    """
    name = os.fspath(path)
    with open_archive(path) as archive:
        document = archive.read_json(_program_member(archive))
        shared = _shared_weights(archive)
    return LoadedProgram(name, parse_program(document, shared, name))


def _program_member(archive: Archive) -> str:
    """Return the name of the JSON with the program."""
    found = [name for name in archive.members if name.endswith(".json") and "/models/" in f"/{name}"]
    if len(found) > 1:
        found = [name for name in found if name.endswith("/model.json")] or found
    if not found:
        found = [name for name in archive.members if name.rpartition("/")[2] == OLD_PROGRAM]
    if not found:
        why = "holds no program of torch.export.save"
        if any(name.endswith(("data.pkl", "constants.pkl")) for name in archive.members):
            why += ": it was written by torch.save or torch.jit.save; use torch.export.save"
        elif any("/aotinductor/" in name for name in archive.members):
            why += ": it was compiled by AOTInductor; save the exported program itself"
        raise SpecError(archive.name, why)
    if len(found) > 1:
        names = ", ".join(sorted(found)[:5])
        raise SpecError(archive.name, f"holds several programs: {names}; save each on its own")
    return found[0]


def _shared_weights(archive: Archive) -> dict[str, str]:
    """Return, for each parameter whose values are also those of an earlier one, the earlier name."""
    shared: dict[str, str] = {}
    for member in archive.members:
        if not member.endswith(WEIGHTS) or not archive.members[member].size:
            continue
        document: Any = archive.read_json(member)
        owners: dict[str, str] = {}
        entries = document.get("config") if isinstance(document, dict) else None
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            path = entry.get("path_name") if isinstance(entry, dict) else None
            if isinstance(path, str):
                key = f"{path} {entry.get('tensor_meta')}"
                if owners.setdefault(key, name) != name:
                    shared[name] = owners[key]
    return shared


class LoadedProgram:
    """A program that was read, before its input sizes are known."""

    def __init__(self, file: str, parsed: ParsedProgram) -> None:
        self.file = file
        self.program = parsed.program
        self.ranges = parsed.ranges

    @property
    def inputs(self) -> tuple[ModelInput, ...]:
        """The inputs that the file declares."""
        return self.program.inputs

    def evaluate(self, shapes: Mapping[str, Shape]) -> Model:
        """Compute what the model does for inputs of these shapes, by name.

        Raises
        ------
        SizeError
            A shape is impossible for an operation, or outside what the file allows.
        SpecError
            The file calls a function with arguments that it cannot have.
        """
        for model_input in self.inputs:
            if model_input.name not in shapes:
                raise SizeError(f"input {model_input.name}", "has no size")
            self._check(model_input, shapes[model_input.name])
        try:
            return evaluate_program(self.program, shapes)
        except SpecError as error:
            raise SpecError(self.file, f"{error.what} {error.why}") from None

    def _check(self, model_input: ModelInput, shape: Shape) -> None:
        """Refuse a size that the file does not allow."""
        if len(shape) != len(model_input.shape):
            raise SizeError(
                f"input {model_input.name}",
                f"has {len(model_input.shape)} axes, but its size is {format_size(shape)}",
            )
        for side, number in zip(model_input.shape, shape, strict=True):
            limits = self.ranges.get(side) if isinstance(side, str) else None
            if limits is None:
                continue
            # torch.export writes 2 where it only knows that a side is not 1.
            minimum = limits.minimum if limits.minimum is not None and limits.minimum > 2 else 1
            if number < minimum or (limits.maximum is not None and number > limits.maximum):
                maximum = "" if limits.maximum is None else f" and at most {limits.maximum}"
                raise SizeError(
                    f"input {model_input.name} of {format_size(shape)}",
                    f"has a side of {number}, but the file allows at least {minimum}{maximum}",
                )
