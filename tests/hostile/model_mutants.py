"""Damaged model files, the same for a seed and a number, and what must hold of each.

``python -m tests.hostile.model_mutants --seed S --number A --stop B --step C`` tries each C-th from A on, below B, in the
current folder; it prints each number before it is tried, and then what is wrong. With ``-o FILE`` it writes the first.
"""

import argparse
import io
import json
import random
import resource
import time
import traceback
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from convcli.errors import SizeError, SpecError
from convcli.networks.building import build
from convcli.networks.diagram.diagram import network_diagram
from convcli.networks.models.onnx.wire import BYTES, VARINT, WireReader
from convcli.networks.models.reading import open_model
from convcli.networks.models.state_dicts.fitting import fit_weights, needed_by_layers
from convcli.networks.models.state_dicts.loading import read_state_dict
from convcli.networks.text.grammar import parse_spec
from convcli.networks.writing import as_layer_text
from tests.hostile.mutants import GENERAL
from tests.networks.models.onnx_writer import graph, message, model, node, tensor, value, varint

__all__ = ["ModelMutant", "complaints", "model_mutant", "model_seeds"]

MODELS = Path(__file__).parents[1] / "data" / "models"
SECONDS = 20.0  # that a small file may take at most; on a loaded machine
ADDRESS_SPACE = 1 << 28  # bytes above what is loaded
NUMBERS = (0, 1, 2, 3, 7, 64, 127, 128, 255, 4096, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
JSON_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 1.5, 1e300, 10**9, 10**18, "", "same", "valid", "\0", "x" * 300, [], {}, [[]], [1],
    [0, 0], [1, 2, 3, 4], [None], {"class_name": "Dense"}, {"a": 1}, float("nan"),
)  # fmt: skip
MAX_LEVELS = 12


@dataclass(frozen=True)
class ModelSeed:
    """A small model file; its name ends with its extension."""

    name: str
    content: bytes

    @property
    def extension(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class ModelMutant:
    """A damaged model file."""

    seed: ModelSeed
    content: bytes
    changes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.seed.name}, {', '.join(self.changes)}"


@cache
def model_seeds() -> tuple[ModelSeed, ...]:
    """Return all seeds, the same each time."""
    files = ["m5_audio.ts.onnx", "resnet18.ts.onnx", "srresnet_x4.pt2", "resnet18.pt2", "pytorch/shared.pt2"]
    files += ["tiny.pth", "tiny_legacy.pth", "tiny.safetensors"]
    found = [ModelSeed(name, (MODELS / name).read_bytes()) for name in files]
    configuration = (MODELS / "keras_small_same.keras.config.json").read_bytes()
    found.append(ModelSeed("small.json", configuration))
    return (
        *found,
        ModelSeed("small.keras", _zipped({"config.json": configuration, "metadata.json": b"{}"})),
        *_written(),
    )


def _written() -> list[ModelSeed]:
    """Return models of the operators that real ones rarely combine."""
    image = [value("x", ["n", 3, 16, 16])]
    weights = [
        tensor("w", [6, 3, 3, 3]),
        tensor("b", [6]),
        tensor("q", [6, 3, 3, 3], kind=3),
        tensor("s", [], [0.5]),
    ]
    arithmetic = [
        node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "index"], ["side"], axis=0),
        node("Div", ["side", "index"], ["half"]), node("Unsqueeze", ["half"], ["size"], axes=[0]),
        node("Concat", ["one", "minus", "size"], ["target"], axis=0), node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        node("Reshape", ["c", "target"], ["r"]), node("Slice", ["r", "one", "size", "one"], ["p"]),
        node("Resize", ["c", "", "scales"], ["u"], mode="linear"), node("Pad", ["u", "pads"], ["v"], mode="reflect"),
        node("Split", ["v", "split"], ["f", "g"], axis=1), node("Mul", ["f", "g"], ["h"]), node("Transpose", ["h"], ["y"], perm=[0, 2, 3, 1]),
    ]  # fmt: skip
    numbers = [
        tensor("index", [], [2]), tensor("one", [1], [1]), tensor("minus", [1], [-1]), tensor("scales", [4], [1.0, 1.0, 2.0, 2.0]),
        tensor("pads", [8], [0, 0, 1, 1, 0, 0, 1, 1]), tensor("split", [2], [3, 3]),
    ]  # fmt: skip
    branch = graph([node("Conv", ["x", "w"], ["inner"])], [], [value("inner")])
    body = message(
        (1, "Block"), (10, "com.acme"), (4, "a"), (4, "k"), (5, "r"), (7, node("Conv", ["a", "k"], ["r"]))
    )
    control = [
        node("Constant", [], ["yes"], value=(5, tensor("", [], [1], kind=9))), node("If", ["yes"], ["i"], then_branch=(6, branch), else_branch=(6, branch)),
        node("Block", ["x", "w"], ["k"], domain="com.acme"), node("Foo", ["k"], ["z"], domain="com.acme"), node("Add", ["i", "k"], ["m"]),
        node("QLinearConv", ["x", "s", "s", "q", "s", "s", "s", "s", "b"], ["n"]), node("Sum", ["m", "n"], ["y"]),
    ]  # fmt: skip
    recurrent = [
        node("LSTM", ["x", "W", "R"], ["", "a"], hidden_size=4), node("Squeeze", ["a", "zero"], ["b"]), node("Einsum", ["b", "b"], ["c"], equation="bi,bj->bij"),
        node("LayerNormalization", ["c", "four"], ["d"]), node("Attention", ["d", "d", "d"], ["e"], q_num_heads=2, kv_num_heads=2),
        node("Gemm", ["b", "G", "four"], ["f"], transB=1), node("TopK", ["f", "one"], ["g", "y"]), node("ReduceMean", ["e"], ["h"], axes=[1]),
    ]  # fmt: skip
    states = [
        tensor("W", [1, 16, 3]), tensor("R", [1, 16, 4]), tensor("zero", [1], [0]), tensor("four", [4]), tensor("G", [5, 4]), tensor("one", [1], [1]),
    ]  # fmt: skip
    stated = [value("z", ["n", 9, 2, 2])]
    return [
        ModelSeed(
            "arithmetic.onnx",
            model(graph(arithmetic, image, [value("y"), value("p")], weights + numbers), opset=12),
        ),
        ModelSeed(
            "control.onnx",
            model(graph(control, image, [value("y"), value("z")], weights, stated), functions=[body]),
        ),
        ModelSeed(
            "recurrent.onnx",
            model(graph(recurrent, [value("x", [7, 2, 3])], [value("y"), value("h"), value("f")], states)),
        ),
    ]


def _zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def model_mutant(seed: int, number: int) -> ModelMutant:
    """Return a mutant."""
    rng = random.Random(f"models {seed}:{number}")
    original = rng.choice(model_seeds())
    content, changes = original.content, []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.4:
            data = bytearray(content)
            changes.append(rng.choice(GENERAL)(rng, data))
            content = bytes(data)
        else:
            content, change = CHANGES[original.extension](rng, content)
            changes.append(change)
    return ModelMutant(original, content, tuple(changes))


# Changes of a format --------------------------------------------------------------------------------------

Changed = tuple[bytes, str]


def change_protobuf(rng: random.Random, content: bytes, level: int = 0) -> Changed:
    """Change a field of a message, or of a message in it, whose lengths stay true."""
    reader = WireReader("seed", content)
    fields = []
    try:
        start = 0
        for number, wire, begin, stop in reader.fields((0, len(content))):
            fields.append(
                (number, wire, begin, content[start:stop], content[begin:stop] if wire == BYTES else b"")
            )
            start = stop
    except SpecError:
        return content, "no fields"
    if not fields:
        return content + varint(rng.randrange(200)), "bytes added to an empty message"
    place = rng.randrange(len(fields))
    number, wire, begin, whole, inner = fields[place]
    if wire == BYTES and len(inner) > 1 and level < MAX_LEVELS and rng.random() < 0.75:
        changed, change = change_protobuf(rng, inner, level + 1)
        if change != "no fields":
            whole = varint(number << 3 | BYTES) + varint(len(changed)) + changed
            return _joined(fields, place, [whole]), f"{number}.{change}"
    way = rng.choice(("value", "value", "value", "drop", "double", "move", "number", "text"))
    if way == "drop":
        return _joined(fields, place, []), f"{number} dropped"
    if way == "double":
        return _joined(fields, place, [whole] * rng.choice((2, 3, 40))), f"{number} repeated"
    if way == "move":
        other = rng.randrange(len(fields))
        parts = [field[3] for field in fields]
        parts.insert(other, parts.pop(place))
        return b"".join(parts), f"{number} moved"
    if way == "number":
        key = rng.randrange(1, 30) << 3 | wire
        return _joined(fields, place, [varint(key) + whole[1:]]), f"{number} is {key >> 3}"
    if wire == VARINT:
        other = rng.choice(NUMBERS)
        return _joined(fields, place, [varint(number << 3) + varint(other)]), f"{number} is {other}"
    texts = [field[4] for field in fields if field[1] == BYTES] + [
        b"",
        b"x",
        b"y",
        bytes(70),
        b"\xff" * 9,
        b"Conv",
    ]
    text = rng.choice(texts)
    return _joined(
        fields, place, [varint(number << 3 | BYTES) + varint(len(text)) + text]
    ), f"{number} is {text[:20]!r}"


def _joined(fields: list[Any], place: int, new: list[bytes]) -> bytes:
    parts = [field[3] for field in fields]
    parts[place : place + 1] = new
    return b"".join(parts)


def change_json(rng: random.Random, content: bytes) -> Changed:
    """Change a value of a JSON file."""
    try:
        found = json.loads(content)
    except ValueError:
        return content, "no JSON"
    holders: list[tuple[Any, Any]] = []
    waiting = [found]
    while waiting:
        holder = waiting.pop()
        keys = (
            list(holder)
            if isinstance(holder, dict)
            else range(len(holder))
            if isinstance(holder, list)
            else []
        )
        holders += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys]
    if not holders:
        return content, "nothing in it"
    holder, key = rng.choice(holders)
    way = rng.choice(("value", "value", "drop", "other", "number"))
    if way == "drop":
        del holder[key]
    elif way == "other":
        other, name = rng.choice(holders)
        holder[key] = (
            json.loads(json.dumps(other[name]))
            if name in other or (isinstance(name, int) and name < len(other))
            else None
        )
    elif way == "number" and isinstance(holder[key], int):
        holder[key] = rng.choice((0, -1, 1, 2, holder[key] + 1, 10**9, 10**20))
    else:
        holder[key] = rng.choice(JSON_VALUES)
    return json.dumps(found).encode(), f"{way} at {str(key)[:30]!r}"


def change_archive(rng: random.Random, content: bytes) -> Changed:
    """Change a member of a zip archive: its JSON, its bytes, or its name."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {each.filename: archive.read(each) for each in archive.infolist()}
    except Exception:
        return content, "no archive"
    name = rng.choice(list(members) or [""])
    largest = max(members, key=lambda each: len(members[each]), default="")
    name = largest if rng.random() < 0.7 else name
    if not name:
        return content, "empty archive"
    if rng.random() < 0.1:
        members[rng.choice(("config.json", "../x", "", "models/model.json"))] = members.pop(name)
        return _zipped(members), f"{name} renamed"
    members[name], change = change_json(rng, members[name])
    if change == "no JSON":
        data = bytearray(members[name])
        change = rng.choice(GENERAL)(rng, data)
        members[name] = bytes(data)
    return _zipped(members), f"{name}: {change}"


def change_safetensors(rng: random.Random, content: bytes) -> Changed:
    """Change the header of a file of tensors, whose length stays true."""
    size = int.from_bytes(content[:8], "little")
    header, change = change_json(rng, content[8 : 8 + size])
    return len(header).to_bytes(8, "little") + header + content[8 + size :], change


def change_pickle(rng: random.Random, content: bytes) -> Changed:
    """Change a member of a .pth file, or its bytes in the older layout without members."""
    if content[:2] == b"PK":
        return change_archive(rng, content)
    data = bytearray(content)
    change = rng.choice(GENERAL)(rng, data)
    return bytes(data), change


CHANGES: dict[str, Callable[[random.Random, bytes], Changed]] = {
    "onnx": change_protobuf,
    "json": change_json,
    "keras": change_archive,
    "pt2": change_archive,
    "safetensors": change_safetensors,
    "pth": change_pickle,
}


# What must hold -------------------------------------------------------------------------------------------


def complaints(one: ModelMutant, folder: Path) -> list[str]:
    """Return what is wrong with what convcli makes of a mutant: it is refused in one line, or has a table."""
    path = folder / f"in.{one.seed.extension}"
    path.write_bytes(one.content)
    begun = time.monotonic()
    wrong = []
    try:
        if one.seed.extension in ("pth", "safetensors"):
            _use_weights(path)
        else:
            wrong += _use_model(path)
    except (SpecError, SizeError) as error:
        if not 0 < len(str(error)) < 2000:  # control characters are escaped where it is printed
            wrong.append(f"says {str(error)[:300]!r}")
    except BaseException:
        wrong.append(traceback.format_exc(limit=-4))
    seconds = time.monotonic() - begun
    if seconds > SECONDS:
        wrong.append(f"takes {seconds:.1f} s")
    return wrong


def _use_model(path: Path) -> list[str]:
    """Return what is wrong with the network of a file: it has a table and a diagram, and text if text can say it."""
    network = open_model(path).network(None)
    str(network)
    network_diagram(network)
    totals = network.params, network.macs
    right = all(total is None or (isinstance(total, int) and total >= 0) for total in totals)
    with suppress(SpecError, SizeError):  # it has no words
        text = as_layer_text(network)
        again = build(parse_spec(text))
        unused = network.unused_params  # text has only layers
        right &= (again.params and again.params + unused, again.macs) == (network.params, network.macs)
    return [] if right else [f"totals are {totals}"]


def _use_weights(path: Path) -> None:
    """Read a file of weights, and compare it with a network."""
    found = read_state_dict(path)
    fit_weights(needed_by_layers(build(parse_spec("in 8x8x3, conv 4 f3, flatten, fc 2"))), found)


def main() -> None:
    """Try mutants, or write one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--stop", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    if given.output is not None:
        one = model_mutant(given.seed, given.number)
        given.output.write_bytes(one.content)
        print(one)
        return
    model_seeds()
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[0])
    limit = pages * resource.getpagesize() + ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(given.number, given.stop, given.step):
        print(number, flush=True)
        wrong = complaints(model_mutant(given.seed, number), Path())
        if wrong:
            print(json.dumps(wrong), flush=True)


if __name__ == "__main__":
    main()
