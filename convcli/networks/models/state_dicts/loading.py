"""Reads files of weights: ``.safetensors``, and PyTorch's ``.pth``, ``.pt`` and ``.bin``."""

import os

from convcli.errors import SpecError
from convcli.networks.models.archives import open_model
from convcli.networks.models.refusing import explained_errors
from convcli.networks.models.state_dicts.pytorch import read_pytorch
from convcli.networks.models.state_dicts.safetensors import read_header, stored_tensors
from convcli.networks.models.state_dicts.tensors import StateDict

__all__ = ["read_state_dict"]


def read_state_dict(path: str | os.PathLike[str]) -> StateDict:
    """Read the names, shapes and data types of the tensors in a file; no values.

    Raises
    ------
    SpecError
        The file cannot be read, is damaged, names code, or holds no tensors.
    """
    name = os.fspath(path)
    with explained_errors(name), open_model(path) as stream:
        if name.lower().endswith(".safetensors"):
            found = StateDict(name, stored_tensors(read_header(stream, name), name))
        else:
            found = read_pytorch(stream, name)
    if not found.tensors:
        raise SpecError(name, "holds no tensors")
    for tensor in found.tensors:
        if not tensor.name.isprintable():
            raise SpecError(name, f"has a tensor with an impossible name: {tensor.name[:50]!r}")
    return found
