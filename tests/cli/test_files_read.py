"""No output replaces a file that the same run reads, whatever option names it."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.files.atomic import INPUT_MESSAGE
from tests.support.command_line import Runner, contents

PHOTO = "photo.png --filter box"
# Each run reads the file of its second column, of which {} is another name.
RUNS = [
    (f"apply {PHOTO} -o {{}}.png", "photo.png"),
    (f"apply {PHOTO} --sheet {{}}.png", "photo.png"),
    ("apply photo.png --filter sobel --direction {}.png", "photo.png"),
    ("apply photo.png --kernel @kernel.csv -o {}.png", "kernel.csv"),
    ("apply photo.png --kernel @kernel.csv --sheet {}.png", "kernel.csv"),
    ("apply photo.png --kernel @weights.npz:conv --signed raw -o {}.npy", "weights.npz"),
    ("apply --files0-from list --filter box -o {}.png", "list"),
    ("apply --files0-from list --filter box --name {{stem}}{}.png", "list"),
    ("apply --files0-from list --filter box --sheet {}.png", "list"),
    ("apply --files0-from list --filter sobel --direction {}.png", "list"),
    ("apply --files0-from - --filter box -o {}.png", "list"),
    ("pool --files0-from list -o {}.png", "list"),
    ("pool photo.png -o {}.png", "photo.png"),
    ("learn photo.png target.npy -o {}.npy", "photo.png"),
    ("learn photo.png target.npy -o {}.npy", "target.npy"),
    ("learn photo.png target.npy --curve {}.png", "target.npy"),
    ("learn photo.png - -o {}.npy", "target.npy"),
    ("learn - target.npy --curve {}.png", "photo.png"),
    (f"explain {PHOTO} --channels gray -o {{}}.svg", "photo.png"),
    (f"explain {PHOTO} --channels gray --animate {{}}.gif", "photo.png"),
    ("explain photo.png --kernel @kernel.csv --channels gray -o {}.svg", "kernel.csv"),
    ("filters @kernel.csv -o {}.json", "kernel.csv"),
    ("filters @kernel.csv --tuning -o {}.png", "kernel.csv"),
    ("params small.net -o {}.svg", "small.net"),
    ("params small.net -o {}.html", "small.net"),
    ("params - -o {}.svg", "small.net"),
]


@pytest.fixture
def files(in_folder: Path) -> dict[str, object]:
    image = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(image).save("photo.png")
    np.save("target.npy", image.astype(np.float64))
    Path("kernel.csv").write_text("0,1,0\n1,-4,1\n0,1,0\n")
    np.savez("weights.npz", conv=np.ones((3, 3)))
    Path("list").write_bytes(b"photo.png\0")
    Path("small.net").write_text("in 8x8x1, conv 2 f3\n")
    return contents(in_folder)


@pytest.mark.parametrize("link", ["hard", "symbolic"])
@pytest.mark.parametrize(("line", "read"), RUNS, ids=[f"{line} [{read}]" for line, read in RUNS])
def test_a_file_that_is_read_is_never_replaced(
    convcli: Runner,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, object],
    line: str,
    read: str,
    link: str,
) -> None:
    words = line.format("other").split()
    target = next(word for word in words if "other." in word).replace("{stem}", "photo")
    (os.link if link == "hard" else os.symlink)(read, target)
    with Path(read).open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        standard_input = os.dup(0)
        os.dup2(stream.fileno(), 0)
        try:
            ran = convcli(*words, "--force")
        finally:
            os.dup2(standard_input, 0)
            os.close(standard_input)
    assert (ran.code, ran.err) == (1, f"convcli: {target}: {INPUT_MESSAGE}\n")
    assert ran.out == ""
    Path(target).unlink()
    assert contents(Path()) == files


def test_a_list_that_an_output_would_replace(convcli: Runner, files: dict[str, object]) -> None:
    Path("photo-sobel.png").write_bytes(b"photo.png\0")
    ran = convcli("apply", "--files0-from", "photo-sobel.png", "--filter", "sobel", "--force")
    assert ran.all == (1, "", f"convcli: photo-sobel.png: {INPUT_MESSAGE}\n")
    assert contents(Path()) == {**files, "photo-sobel.png": contents(Path())["photo-sobel.png"]}
    assert Path("photo-sobel.png").read_bytes() == b"photo.png\0"
