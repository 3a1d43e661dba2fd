"""``convcli learn`` as it is typed: exit code, standard output, standard error, files."""

import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import convolve, kernel
from convcli.errors import LearningError
from tests.support.command_line import SAMPLES, Runner, assert_failed, assert_refused, nothing_changes

NOISE = np.random.default_rng(1).integers(0, 256, (60, 50)).astype(np.uint8)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path / "noise.png", tmp_path / "edges.npy"
    Image.fromarray(NOISE).save(source)
    np.save(target, convolve(NOISE, kernel("sobel-x")))
    return source, target


def taps_of(text: str) -> np.ndarray:
    return np.array([[float(cell) for cell in line.split()] for line in text.splitlines()])


def test_a_pipe_gets_the_taps(convcli: Runner, pair: tuple[Path, Path]) -> None:
    ran = convcli("learn", *pair)
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_allclose(taps_of(ran.out), kernel("sobel-x"), atol=1e-3)


def test_a_terminal_gets_the_explanation(terminal: Runner, pair: tuple[Path, Path]) -> None:
    ran = terminal("learn", *pair, columns=120)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(
        "-1.0000  0.0000  1.0000\n-2.0000  0.0000  2.0000\n-1.0000  0.0000  1.0000\n\nlearned  3x3 coefficients"
    )
    assert "nearest  sobel-x, scaled 1.00 (similarity 1.0000)\n" in ran.out
    assert "by least squares\n" in terminal("learn", *pair, "--closed-form", columns=120).out


def test_files_and_json(convcli: Runner, pair: tuple[Path, Path], tmp_path: Path) -> None:
    saved, curve = tmp_path / "k.json", tmp_path / "curve.png"
    ran = convcli("learn", *pair, "-o", saved, "--curve", curve, "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert list(record) == [
        "inputs", "targets", "output", "curve", "kernel", "bias", "error", "relative_error", "steps", "loss",
        "free", "nearest", "also_fit",
    ]  # fmt: skip
    assert record["nearest"]["name"] == "sobel-x"
    assert json.loads(saved.read_text())["kernel"] == record["kernel"]
    with Image.open(curve) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (720, 460))
        pixels = np.asarray(drawn)
    right = np.flatnonzero((pixels[325] == 0).all(1))[-1]  # of the last filter's frame
    tile = pixels[326:416, right - 90 : right]  # negative blue, zero white, positive red
    assert tile[45, 15].tolist() == [33, 102, 172]
    assert tile[45, 45].tolist() == [255, 255, 255]
    assert tile[45, 75].tolist() == [178, 24, 43]
    printed = convcli(
        "apply", pair[0], "--kernel", f"@{saved}", "--signed", "raw", "-o", tmp_path / "again.npy"
    )
    assert printed.code == 0
    np.testing.assert_allclose(np.load(tmp_path / "again.npy"), np.load(pair[1]), atol=0.1)
    assert convcli("learn", *pair, "--f", "3", "-o", tmp_path / "k.npy").out == f"{tmp_path / 'k.npy'}\n"
    assert np.load(tmp_path / "k.npy").shape == (3, 3)


def test_the_example_of_the_textbook(convcli: Runner, terminal: Runner, tmp_path: Path) -> None:
    # 6x6, half 10 and half 0: the patches differ only in their columns, whose sums must be 3, 0 and -3.
    target = tmp_path / "edges.csv"
    target.write_text("0 30 30 0\n" * 4)
    note = (
        "convcli: note: several filters fit equally well, such as -0.8787 times freichen-x or -0.75 times sobel-x: "
        "the examples leave 6 of 9 degrees of freedom open; this is the smallest filter (least sum of squares)\n"
    )
    textbook = "1 0 -1\n1 0 -1\n1 0 -1\n"
    assert convcli("learn", SAMPLES / "vertical-edge.csv", target).all == (0, textbook, note)
    record = json.loads(convcli("learn", SAMPLES / "vertical-edge.csv", target, "--json").out)
    assert (record["free"], record["steps"], record["error"]) == (6, 0, 0)
    assert [near["name"] for near in record["also_fit"]] == ["freichen-x", "sobel-x", "scharr-x"]
    shown = terminal("learn", SAMPLES / "vertical-edge.csv", target, columns=120)
    assert "by least squares, as there are too few patches to train on" in shown.out
    assert "on all 16 patches" in shown.out
    with nothing_changes(tmp_path):
        ran = convcli("learn", SAMPLES / "vertical-edge.csv", target, "--curve", tmp_path / "c.png")
    assert_refused(ran, "--curve: draws training, but for so few patches least squares solves")


def test_examples_that_no_filter_fits_at_all(convcli: Runner, tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text("1 0\n")
    (tmp_path / "t.csv").write_text("0 1\n")
    ran = convcli("learn", tmp_path / "i.csv", tmp_path / "t.csv", "--f", "1")
    note = "convcli: note: no filter reproduces the target well; use --abs if it holds absolute values\n"
    assert ran.all == (0, "0\n", note)


@pytest.mark.thorough
def test_a_volume(convcli: Runner, terminal: Runner, tmp_path: Path) -> None:
    image = np.random.default_rng(2).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "rgb.png")
    np.save(tmp_path / "red.npy", convolve(image[..., 0], kernel("vertical")))
    ran = convcli("learn", tmp_path / "rgb.png", tmp_path / "red.npy", "-o", tmp_path / "k.json")
    assert (ran.code, ran.err) == (0, "")
    taps = np.array(json.loads((tmp_path / "k.json").read_text())["kernel"])
    np.testing.assert_allclose(taps[..., 0], kernel("vertical"), atol=1e-3)
    np.testing.assert_allclose(taps[..., 1:], 0, atol=1e-3)
    shown = terminal("learn", tmp_path / "rgb.png", tmp_path / "red.npy", columns=100)
    assert "3x3x3 coefficients" in shown.out
    with nothing_changes(tmp_path):
        assert_refused(
            convcli(
                "learn", tmp_path / "rgb.png", tmp_path / "red.npy", "-o", tmp_path / "k.csv", "--steps", "3"
            ),
            f"{tmp_path / 'k.csv'}: a .csv file cannot hold a filter of several channels; use .npy or .json",
        )


@pytest.mark.thorough
def test_an_offset_is_pointed_out(convcli: Runner, pair: tuple[Path, Path]) -> None:
    np.save(pair[1], convolve(NOISE, kernel("sobel-x")) + 100)
    ran = convcli("learn", *pair)
    assert ran.code == 0
    assert (
        ran.err
        == "convcli: note: the target is offset by 100, which a filter alone cannot produce; use --bias\n"
    )
    ran = convcli("learn", *pair, "--bias", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["bias"] == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("options", [["--steps", "150"], ["--closed-form"], ["--abs", "--steps", "3"]])
def test_progress_is_for_a_terminal(
    convcli: Runner, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """From the start on: what comes before the first step takes long if there are many weights."""
    shown: list[str] = []

    class Terminal(BytesIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: object) -> int:
            shown.append(str(text))
            return len(shown[-1])

    monkeypatch.setattr("sys.stderr", Terminal())
    source, target = pair
    np.save(target, np.abs(np.load(target)))
    assert convcli("learn", source, target, *options).code == 0
    text = "".join(shown)
    first = "solving" if options == ["--closed-form"] else "preparing"
    assert first in text[:100]
    if "--steps" in options:
        assert f"step {options[-1]}" in text
    if options == ["--steps", "150"]:
        assert re.search(r"step 150, loss \d", text)


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (["--f", "31"], "learning 961 weights in up to 5,000 steps takes about 4 minutes; --closed-form solves for them in seconds"),
        (["--f", "31x20", "--curve", "c.png"], "learning 620 weights in up to 5,000 steps takes about 2 minutes; use a smaller --f or fewer --steps"),
        (["--f", "30", "--steps", "1000"], "learning 900 weights in up to 1,000 steps takes about 1 minute; --closed-form solves for them in seconds"),
        (["--f", "30", "--steps", "500"], None),
        (["--f", "9", "--steps", "10000000"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_long_training_is_announced(
    convcli: Runner,
    pair: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    note: str | None,
) -> None:
    def too_few(*_: object, **__: object) -> object:
        raise LearningError("only 9 patches", "too few")

    monkeypatch.setattr("convcli.learning.problem.has_few_patches", lambda _: False)
    monkeypatch.setattr("convcli.learning.gradient_descent.learn", too_few)
    ran = convcli("learn", *pair, *options)
    notes = "" if note is None else f"convcli: note: {note}\n"
    assert ran.all == (1, "", f"{notes}convcli: only 9 patches: too few\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--f", "0"], "filter '0'"),
        (["--steps", "0"], "steps"),
        (["--steps", ""], "steps"),
        (["--optimizer", ""], "--optimizer"),
        (["--lr", "x"], "--lr 'x'"),
        (["--lr", "-1"], "lr -1"),
        (["--optimizer", "adem"], "--optimizer"),
        (["--seed", "-1"], "seed -1"),
        (["--closed-form", "--optimizer", "sgd"], "--optimizer: cannot be combined with --closed-form"),
        (["--closed-form", "--steps", "9"], "--steps: cannot be combined with --closed-form"),
        (["--closed-form", "--lr", "0.1"], "--lr: cannot be combined with --closed-form"),
        (["--channels", "most"], "channels"),
        (["--closed-form", "--curve", "c.png"], "--curve: cannot be combined with --closed-form"),
        (["--curve", "c.gif"], "c.gif: a curve must be saved as .png"),
        (["-o", "k.txt"], "k.txt: a kernel must be saved as .npy, .csv or .json"),
        (["--f", "99"], ""),
    ],
)
def test_wrong_options_are_refused(
    convcli: Runner, pair: tuple[Path, Path], options: list[str], told: str
) -> None:
    with nothing_changes(pair[0].parent):
        assert_refused(convcli("learn", *pair, *options), told)


def test_bad_pairs(convcli: Runner, pair: tuple[Path, Path], tmp_path: Path) -> None:
    assert_refused(convcli("learn"), "INPUT TARGET: must come in pairs")
    assert_refused(convcli("learn", pair[0]), "INPUT TARGET: must come in pairs")
    assert_failed(convcli("learn", pair[0], tmp_path / "none.png"), 1, f"{tmp_path / 'none.png'}: ")
    np.save(tmp_path / "small.npy", np.zeros((5, 5)))
    assert_refused(
        convcli("learn", pair[0], tmp_path / "small.npy"),
        f"{tmp_path / 'small.npy'}: target 5x5 does not fit",
    )
    np.save(tmp_path / "flat.npy", np.zeros((60, 50)))
    assert_failed(convcli("learn", pair[0], tmp_path / "flat.npy"), 1, "target: is constant")
    assert_failed(convcli("learn", *pair, "-o", pair[1], "--force"), 2, "") if pair[
        1
    ].suffix != ".npy" else None
    ran = convcli("learn", *pair, "-o", pair[1], "--force")
    assert ran.code == 1
    assert "is an input" in ran.err


def test_diverging_is_told(convcli: Runner, pair: tuple[Path, Path]) -> None:
    ran = convcli("learn", *pair, "--optimizer", "sgd", "--lr", "1e5")
    assert_failed(ran, 1, "step ")
    assert "use a smaller one, such as --lr 10000" in ran.err


def test_kernel_and_curve_are_two_files(convcli: Runner, pair: tuple[Path, Path]) -> None:
    folder = pair[0].parent
    (folder / "c.png").symlink_to("k.json")
    with nothing_changes(folder):
        done = convcli("learn", *pair, "-o", folder / "k.json", "--curve", folder / "c.png", "--force")
        assert_refused(done, f"--curve: names the same file as -o, {folder / 'k.json'}")
        done = convcli("learn", *pair, "-o", f"{folder}/k.json/")
        assert_failed(done, 1, f"{folder}/k.json/: is a folder")


@pytest.mark.thorough
def test_what_the_target_may_be_is_said(convcli: Runner, tmp_path: Path) -> None:
    image = np.random.default_rng(5).integers(0, 64, (60, 60)).astype(np.uint8)
    edges = convolve(image, kernel("sobel-x"))
    np.save(tmp_path / "image.npy", image)
    np.save(tmp_path / "abs.npy", np.abs(edges).clip(0, 255).astype(np.uint8))
    ran = convcli("learn", tmp_path / "image.npy", tmp_path / "abs.npy")
    assert ran.code == 0
    assert (
        ran.err
        == "convcli: note: no filter reproduces the target well; use --abs if it holds absolute values\n"
    )
    np.save(tmp_path / "edges.npy", edges + 20)
    output = tmp_path / "k.json"
    ran = convcli("learn", tmp_path / "image.npy", tmp_path / "edges.npy", "--bias", "-o", output)
    assert ran.err.startswith(f"convcli: note: {output} does not hold the bias; give it to apply as --bias ")
    ran = convcli("learn", tmp_path / "image.npy", tmp_path / "edges.npy", "--steps", "1")
    poor = "convcli: note: the learned filter does not reproduce the target well; try a larger --f"
    assert (ran.code, ran.err) == (0, f"{poor} or more --steps\n")
    noise = np.random.default_rng(6).normal(size=(60, 60))
    np.save(tmp_path / "noise.npy", noise - noise.mean())
    ran = convcli("learn", tmp_path / "image.npy", tmp_path / "noise.npy", "--closed-form", "--bias")
    assert (ran.code, ran.err) == (0, f"{poor}\n")
