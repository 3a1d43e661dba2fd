"""What must hold of all that convcli makes of a mutant, and the process that tries many.

``python -m tests.hostile.mutant_trials --seed S --number A --stop B --step C`` tries each C-th from A on, below
B, in the current folder; it prints each number before it is tried, and then what is wrong.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from convcli import read_image
from convcli.cli.error_handling import run
from convcli.owned_process import own_process
from tests.hostile.mutant_seeds import Seed
from tests.hostile.mutants import COMMANDS, Mutant, mutant

__all__ = ["Trial", "wrong_words"]

ADDRESS_SPACE = 1 << 29  # bytes above what is loaded


class Trial:
    """Runs mutants in this process, in a folder of their own, whose standard streams it takes for good."""

    def __init__(self) -> None:
        own_process()  # as the program does
        for number in (1, 2):
            os.dup2(os.memfd_create(f"stream {number}"), number)
        sys.stdout, sys.stderr = (io.TextIOWrapper(open(number, "wb", closefd=False)) for number in (1, 2))  # noqa: SIM115 -- stay open
        pages = int(Path("/proc/self/statm").read_text("utf-8").split()[0])
        limit = pages * resource.getpagesize() + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        self.open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- as below
        self.whole: dict[tuple[str, int], NDArray[Any] | None] = {}

    def wrong(self, one: Mutant) -> list[str]:
        """Return what is wrong with what convcli makes of a mutant."""
        made, complaints = self._made(one.content, one)
        if one.cut and made is not None and not _reads_cut(one.seed):
            key = one.seed.name, one.command
            if key not in self.whole:
                self.whole[key] = self._made(one.seed.content, one)[0]
            whole = self.whole[key]
            if whole is None or not np.array_equal(whole, made, equal_nan=True):
                complaints.append("what was cut is taken for whole, and its pixels are others")
        return complaints

    def _made(self, content: bytes, one: Mutant) -> tuple[NDArray[Any] | None, list[str]]:
        """Return the output for a file, if there is any, and what is wrong."""
        source = f"in.{one.seed.extension}"
        arguments = [source if word == "IN" else word for word in COMMANDS[one.command]]
        Path(source).write_bytes(content)
        code, out, err = _ran(arguments, source)
        open_now = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- counts, and opens no more
        complaints = [f"raised {code}"] if isinstance(code, str) else []
        target = arguments[-1]
        name = "standard input" if "-" in arguments else source
        lines = err.decode("utf-8", "replace").splitlines()
        complaints += wrong_words(code, out, lines, (name, target))
        if open_now > self.open_files:
            complaints.append(f"{open_now - self.open_files} files are left open")
            self.open_files = open_now
        left = {path.name for path in Path().iterdir()} - {source}
        if left != ({target} if code == 0 else set()):
            complaints.append(f"code {code}, and there are {sorted(left)}")
        array = None
        if code == 0 and target in left:
            array, why = _read_back(Path(target))
            complaints += why
        for path in Path().iterdir():
            path.unlink()
        return array, complaints


def _reads_cut(seed: Seed) -> bool:
    """Whether a file of this kind may be whole without its end: numbers as text do not say how many."""
    return seed.extension in {"csv", "txt"} or seed.name.endswith("plain")


def _ran(arguments: list[str], source: str) -> tuple[int | str, bytes, bytes]:
    """Return the exit code, or what was raised, and what went to the descriptors of the standard streams."""
    for number in (1, 2):
        os.ftruncate(number, 0)
        os.lseek(number, 0, os.SEEK_SET)
    code: int | str
    with Path(source).open("rb") as stream, contextlib.ExitStack() as stack:
        os.dup2(stream.fileno(), 0)
        sys.stdin = stack.enter_context(io.TextIOWrapper(open(0, "rb", closefd=False)))  # noqa: SIM115 -- entered
        try:
            code = run(arguments)
        except BaseException:
            code = traceback.format_exc(limit=-3)
    for text in (sys.stdout, sys.stderr):
        text.flush()
    out, err = (os.pread(number, 1 << 20, 0) for number in (1, 2))
    return code, out, err


def wrong_words(code: int | str, out: bytes, lines: Sequence[str], names: tuple[str, str]) -> Iterator[str]:
    """Yield what is wrong with a code and standard output and error; `names` are of the input and output."""
    if code not in (0, 1):
        yield f"code {code}"
    if out != (f"{names[1]}\n".encode() if code == 0 else b""):
        yield f"code {code}, and standard output is {out[:200]!r}"
    if code and len(lines) != 1:
        yield f"{len(lines)} lines for a failure: {lines}"
    for line in lines:
        begins = [f"convcli: {name}: " for name in names] if code else [f"convcli: note: {names[0]}: "]
        if not line.startswith(tuple(begins)) or not line.isprintable():
            yield f"standard error is {line!r}"


def _read_back(target: Path) -> tuple[NDArray[Any] | None, list[str]]:
    """Return an output, as convcli reads it; by Pillow or numpy it must be the same size."""
    try:
        array = read_image(target)
        if target.suffix == ".npy":
            shape = np.load(target, allow_pickle=False).shape
        elif target.suffix == ".tiff":  # also of numbers that Pillow does not read
            with tifffile.TiffFile(target) as file:
                page = file.pages.first
                page.asarray()
                shape = page.imagelength, page.imagewidth
        else:
            with Image.open(target) as image:
                image.load()
                shape = image.height, image.width
    except Exception as error:
        return None, [f"the output cannot be read: {error!r}"]
    wrong = array.shape[: len(shape)] != shape or not array.size
    return array, [f"the output has shape {shape} for one and {array.shape} for another"] * wrong


def main() -> None:
    """Try mutants."""
    parser = argparse.ArgumentParser()
    for name in ("--seed", "--number", "--stop", "--step"):
        parser.add_argument(name, type=int, required=True)
    given = parser.parse_args()
    report = os.fdopen(os.dup(1), "w", buffering=1)
    trial = Trial()
    for number in range(given.number, given.stop, given.step):
        report.write(f"{number}\n")
        complaints = trial.wrong(mutant(given.seed, number))
        if complaints:
            report.write(json.dumps(complaints) + "\n")


if __name__ == "__main__":
    main()
