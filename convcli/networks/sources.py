"""Sources of networks: typed text, ``.net`` files and the shipped networks."""

from __future__ import annotations

import os
import re
from errno import ENOENT
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import SizeError, SpecError, describe_os_error
from convcli.files.opening import open_input
from convcli.networks.building import build
from convcli.networks.layer_types.base import Sides, Size
from convcli.networks.network import Network
from convcli.networks.text.grammar import parse_spec
from convcli.networks.text.spec import Spec
from convcli.sizes.per_axis import whole_number
from convcli.sizes.text import TypedSize, parse_input

if TYPE_CHECKING:
    from convcli.networks.models.reading import ModelFile

__all__ = [
    "MAX_BYTES",
    "TextNetwork",
    "decode_spec",
    "network",
    "open_network",
    "read_spec",
    "shipped_networks",
    "shipped_title",
]

SHIPPED = Path(__file__).parent / "shipped"
MAX_BYTES = 1 << 22  # of a spec; 100,000 layers need less


def network(text_or_path: str | os.PathLike[str], n: int | Size | str | None = None) -> Network:
    """Compute the sizes, parameters and costs of a network.

    Parameters
    ----------
    text_or_path : str or path
        Layers as in ``"conv 6 f5, maxpool f2"``; a file, given as a path or a text that ends with ``.net``;
        the name of a shipped network, such as ``"resnet18"``; or a model file: ``.onnx``, ``.pt2`` (of
        ``torch.export.save``), ``.keras``, or ``.json`` (of Keras's ``to_json``).
    n : int, tuple of int or str, optional
        Size of the input, as in ``(height, width, channels)``, ``(length, channels)`` or ``(depth, height,
        width, channels)``, instead of the sides of the spec's ``in`` or those that a model file states. If it
        has no channels, they come from there. For a model file with several inputs, a text
        such as ``"image=224x224x3,mask=224x224x1"``.

    Returns
    -------
    Network
        With ``layers``, ``output``, ``params``, ``macs`` and ``receptive_field``; its `str` is the table.

    Raises
    ------
    SpecError
        The text is not a valid spec, or the file cannot be read.
    SizeError
        A layer is impossible on its input, there is no input size, or its channels contradict those of
        ``in`` or of the model file.

    Examples
    --------
    >>> import convcli
    >>> net = convcli.network("conv 6 f5, maxpool f2, conv 16 f5, flatten, fc 120", (32, 32, 3))
    >>> net.output, net.params, net.macs
    ((120,), 194992, 784800)
    >>> convcli.network("resnet18", 320).output
    (1000,)
    """
    return open_network(text_or_path).network(n)


class TextNetwork(NamedTuple):
    """A network as text, before the size of its input is known."""

    spec: Spec

    def network(self, n: int | Size | str | None = None) -> Network:
        """Return the network for an input; the argument is that of `network`.

        Raises
        ------
        SizeError
            See `network`.
        """
        return build(self.spec, None if n is None else _parse_input(n))


def open_network(text_or_path: str | os.PathLike[str]) -> TextNetwork | ModelFile:
    """Read a network, for inputs of any size; the argument is that of `network`.

    Raises
    ------
    SpecError
        The text is not a valid spec, or the file cannot be read.
    """
    if os.path.splitext(os.fspath(text_or_path))[1].strip():  # noqa: PTH122 -- takes any text, unlike Path
        from convcli.networks.models.reading import is_model_file, open_model  # late: texts do without

        if is_model_file(os.fspath(text_or_path)):
            return open_model(text_or_path)
    return TextNetwork(read_spec(text_or_path))


def _parse_input(n: int | Size | str) -> Size:
    if isinstance(n, str):
        return parse_input(n)
    if isinstance(n, Sides | TypedSize):  # of another network
        return n
    sides = n if isinstance(n, tuple | list) else (n,)
    if not 1 <= len(sides) <= 4:
        raise SizeError(f"input {n}", "must be a number, (height, width) or (height, width, channels)")
    return tuple(whole_number(side, "input", 1) for side in sides)


def read_spec(text_or_path: str | os.PathLike[str]) -> Spec:
    """Parse a network; the argument is that of `network`."""
    if not isinstance(text_or_path, str):
        return parse_spec(_read_text(os.fspath(text_or_path)), os.fspath(text_or_path))
    text = text_or_path.strip()
    names = shipped_networks()
    if text.lower() in names:
        return parse_spec(_read_text(names[text.lower()]), f"{text.lower()}.net")
    if text.lower().endswith(".net"):
        return parse_spec(_read_text(text_or_path), text_or_path)
    try:
        return parse_spec(text, network_names=tuple(names))
    except SpecError:
        exists = os.path.exists  # accepts any text, unlike Path.exists
        if exists(f"{text}.net"):
            raise SpecError(text, f"is not a shipped network; did you mean {text}.net?") from None
        if exists(text):
            models = "; the names of model files end with .onnx, .pt2, .keras or .json"
            raise SpecError(
                text[:100],
                "is read as layers, not as a file: name the file *.net, or read it with - < FILE"
                + models * bool(os.path.splitext(text)[1]),  # noqa: PTH122 -- takes any text, unlike Path
            ) from None
        if re.fullmatch(r"\S*\w\.\w+", text):  # looks like the name of a file
            missing = FileNotFoundError(ENOENT, os.strerror(ENOENT), text)
            raise SpecError(text[:100], describe_os_error(missing)) from None
        raise


def shipped_networks() -> dict[str, Path]:
    """Return the files of the shipped networks by name.

    Examples
    --------
    >>> sorted(shipped_networks())[:3]
    ['alexnet', 'densenet121', 'efficientnet_b0']
    """
    names = sorted(os.listdir(SHIPPED))  # noqa: PTH208 -- a third of the time of Path.glob
    return {name.removesuffix(".net"): SHIPPED / name for name in names if name.endswith(".net")}


def shipped_title(name: str) -> str:
    """Return the first comment of a shipped network: its name and its paper.

    Examples
    --------
    >>> shipped_title("lenet5")[:7]
    'LeNet-5'
    """
    return _read_text(shipped_networks()[name]).partition("\n")[0].lstrip("# ")


def _read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a spec file.

    Raises
    ------
    SpecError
        The file cannot be read, or is not text.
    """
    name = os.fspath(path)
    try:
        with open_input(path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpecError(name, describe_os_error(error)) from None
    return decode_spec(content, name)


def decode_spec(content: bytes, name: str) -> str:
    """Return the bytes of a spec as text.

    Raises
    ------
    SpecError
        There are too many bytes, or they are not text.
    """
    if len(content) > MAX_BYTES:
        raise SpecError(name, f"is larger than {MAX_BYTES:,} bytes, the limit for a network")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(name, f"is not text: byte {error.start} is 0x{content[error.start]:02x}") from None
    if "\0" in text:
        raise SpecError(name, f"is not text: byte {content.index(0)} is 0x00")
    return text
