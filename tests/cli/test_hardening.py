"""What was once got wrong: a file lost, an endless wait, a traceback."""

import errno
import json
import os
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import apply_filter, get_filter, kernel, output_size, render
from convcli.cli.error_handling import FILTER_OPTIONS
from convcli.cli.version import version_text
from convcli.convolution.engine import center_pixels
from convcli.errors import ImageError, UsageError
from convcli.kernels.filter import gain
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.pillow.libtiff_errors import captured_libtiff_errors
from convcli.pictures.reading import load_picture
from convcli.sizes.searching import fully_read_sides
from convcli.sizes.windowed import Axis
from tests.support.command_line import Runner, run_shell


def gray(path: Path, value: int = 7) -> Path:
    Image.fromarray(np.full((5, 6), value, np.uint8)).save(path)
    return path


def test_a_kernel_file_is_never_overwritten(convcli: Runner, in_folder: Path) -> None:
    gray(in_folder / "g.png")
    (in_folder / "k.csv").write_text("1 2\n")
    ran = convcli("apply", "g.png", "--kernel", "@k.csv", "-o", "k.csv", "--force")
    assert ran.all == (
        1,
        "",
        "convcli: k.csv: is an input, and inputs are never overwritten; choose another name\n",
    )
    assert (in_folder / "k.csv").read_text() == "1 2\n"


def test_two_names_of_one_output_do_not_lose_the_first(convcli: Runner, in_folder: Path) -> None:
    for name in "ab":
        gray(in_folder / f"{name}.png", ord(name))
        (in_folder / f"{name}-identity.png").symlink_to("t.png")
    ran = convcli("apply", "a.png", "b.png", "--filter", "identity", "--force")
    why = "2 results have this output; rename an input, or run them separately"
    assert ran.all == (2, "", f"convcli: {Path.cwd() / 't.png'}: {why}\n")
    assert not Path("t.png").exists()


def short_png(*, color: int, interlaced: bool = False, before: bytes = b"") -> bytes:
    """Return a PNG of 10 x 10 whose pixel data, a valid stream, ends after half of the rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 10, 10, 8, color, 0, 0, interlaced))
    palette = chunk(b"PLTE", bytes([200, 100, 50, 1, 2, 3])) if color == 3 else b""
    data = chunk(b"IDAT", zlib.compress((b"\0" + b"\1" * 10) * 5))
    return b"\x89PNG\r\n\x1a\n" + header + before + palette + data + chunk(b"IEND", b"")


def test_a_png_that_ends_early_is_refused_whatever_its_kind(tmp_path: Path) -> None:
    orientation = Image.Exif()
    orientation[0x0112] = 3
    exif = orientation.tobytes()[6:]
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    for data in (
        short_png(color=0),
        short_png(color=3),
        short_png(color=0, interlaced=True),
        short_png(color=0, before=chunk),
    ):
        (tmp_path / "x.png").write_bytes(data)
        with pytest.raises(ImageError, match=r"pixels are missing|is truncated"):
            load_picture(tmp_path / "x.png", "x.png")


def test_render_reads_foreign_byte_order_and_refuses_what_is_no_number() -> None:
    assert render(np.array([1, -2], ">f4")).tolist() == [1, 2]
    assert render(np.array([300, -2], ">i4")).tolist() == [255, 2]
    with pytest.raises(ImageError, match="only real numbers"):
        render(np.array([1 + 2j]))
    with pytest.raises(UsageError, match="must be a finite number"):
        render(np.array([1]), scale=None)  # type: ignore[arg-type] # as a caller without types may


def test_a_long_number_is_read_in_a_moment(convcli: Runner, in_folder: Path) -> None:
    ran = convcli("apply", gray(in_folder / "g.png"), "--kernel", "1" * 100_000 + "x")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(("mode", "pooled"), [("max", "4\n"), ("avg", "2.5\n")])
def test_a_window_far_longer_than_the_image_is_pooled_in_a_moment(
    mode: str, pooled: str, convcli: Runner, in_folder: Path
) -> None:
    (in_folder / "m.csv").write_text("1 2\n3 4\n")
    assert convcli("pool", "m.csv", "--f", 10**15, "--p", 5 * 10**14, "--mode", mode).all == (0, pooled, "")


def test_gaps_of_enormous_dilated_filters_are_not_counted_one_by_one() -> None:
    endless = Axis(side=10**6, window=10**8, before=10**8, after=10**8, stride=10**9, dilation=2)
    assert endless.unread_count() is None
    assert fully_read_sides(Axis(side=10**6, window=10**4, stride=5000, dilation=3)) == (None, None)


def test_a_stride_beyond_every_integer_type_leaves_one_pixel(convcli: Runner, in_folder: Path) -> None:
    Image.fromarray(np.full((3, 3, 4), 9, np.uint8)).save(in_folder / "rgba.png")
    stride = 10**30
    ran = convcli("apply", "rgba.png", "--filter", "box", "--stride", stride, "-o", "x.png")
    assert ran.all == (0, "x.png\n", "")
    assert np.asarray(Image.open("x.png")).tolist() == [[[9, 9, 9, 9]]]
    assert center_pixels([[1, 2]], 1, stride=stride).tolist() == [[1]]


def test_sums_and_products_beyond_the_floats(convcli: Runner, in_folder: Path) -> None:
    assert render(np.zeros(2, np.int16), scale=1e300).tolist() == [0, 0]
    assert gain([[1e308, -1e308]]) == 1e308
    assert gain([[1e308, 1e308]]) == np.inf
    ran = convcli("apply", gray(in_folder / "g.png"), "--kernel", "5e-324", "--scale", "gain")
    assert ran.all == (
        2,
        "",
        "convcli: kernel: has a gain of 4.94066e-324, so --scale gain cannot divide by it\n",
    )


def test_a_filter_may_be_given_by_its_name() -> None:
    image = np.arange(30, dtype=np.uint8).reshape(5, 6)
    assert np.array_equal(apply_filter(image, "sobel"), apply_filter(image, get_filter("sobel")))
    assert kernel("sobel-x", angle=0).tolist() == kernel("sobel-x").tolist()


@pytest.mark.parametrize("option", ["--size", "--bias", "--angle"])
@pytest.mark.parametrize("number", ["1_1", "\N{ARABIC-INDIC DIGIT THREE}", "0x3", "nan", ""])
def test_numbers_of_options_have_one_grammar(
    convcli: Runner, in_folder: Path, option: str, number: str
) -> None:
    ran = convcli("apply", gray(in_folder / "g.png"), "--filter", "sobel-x", option, number)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"convcli: {option} {number!r}: must be a number, as in 70, 0.25 or 1/4\n"


def test_a_pipe_has_a_name_to_write_to(tmp_path: Path) -> None:
    gray(tmp_path / "g.png")
    ran = run_shell(
        "convcli apply g.png --filter identity -o >(cat > copy.png) --format png; wait $!", tmp_path
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert np.asarray(Image.open(tmp_path / "copy.png"))[0, 0] == 7


def test_a_tiff_is_read_with_standard_error_closed(tmp_path: Path) -> None:
    Image.fromarray(np.full((5, 6), 7, np.uint8)).save(tmp_path / "g.tif", compression="tiff_lzw")
    ran = run_shell("convcli apply g.tif --filter identity -o o.png 2>&-", tmp_path)
    assert (ran.returncode, ran.stdout) == (0, b"o.png\n")


def test_shell_completion_ends_with_success(tmp_path: Path) -> None:
    ran = run_shell("_CONVCLI_COMPLETE=bash convcli 'it ap' ap", tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"apply\n", b"")


def test_two_signals_at_once_leave_nothing_behind(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (1500, 1500), np.uint8)).save(
        tmp_path / "g.png"
    )
    command = [sys.executable, "-m", "convcli", "apply", "g.png", "--filter", "box"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(tmp_path.glob(".convcli-*")):
            pass
        for number in (signal.SIGTERM, signal.SIGINT):
            if process.poll() is None:
                os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode in (0, -signal.SIGTERM, -signal.SIGINT), err) == (True, b"")
    assert list(tmp_path.glob(".convcli-*")) == []


def test_parameters_that_are_taken_for_options_are_parameters() -> None:
    for name, example in FILTER_OPTIONS.items():
        built = get_filter(example.removeprefix("--filter "))
        assert f"{name}=" in built.name


def test_a_text_padding_of_two_numbers_gives_two_sides() -> None:
    assert output_size(32, 5, "0x2") == (28, 32)
    assert output_size(32, 5, "2") == 32


@pytest.mark.parametrize("option", [["--ceil"], ["--c-out", "6"]])
def test_what_cannot_be_solved_for_is_refused(convcli: Runner, option: list[str]) -> None:
    ran = convcli("shape", "--n", 32, "--f", 5, "--want", 32, *option)
    assert ran.all == (2, "", f"convcli: {option[0]}: cannot be combined with --want; choose one\n")


def test_the_version_stands_before_any_command(convcli: Runner) -> None:
    assert convcli("--version", "shape", "--n", 32).all == (0, version_text(), "")


def test_a_file_that_may_not_be_read(
    convcli: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = gray(in_folder / "g.png").read_bytes()

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:  # root may read everything, so the system is not asked
        patched.setattr(Path, "open", refused)
        ran = convcli("apply", "g.png", "--filter", "sobel-x")
    assert ran.all == (1, "", "convcli: g.png: permission denied\n")
    assert [(path.name, path.read_bytes()) for path in in_folder.iterdir()] == [("g.png", content)]


@pytest.mark.parametrize(
    "line", ["convcli pool - -o g.png --force < g.png", "convcli pool g.png -o - 1<> g.png"]
)
def test_a_stream_that_is_the_input_is_not_the_output(tmp_path: Path, line: str) -> None:
    content = gray(tmp_path / "g.png").read_bytes()
    ran = run_shell(line, tmp_path)
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert ran.stderr.endswith(b": is an input, and inputs are never overwritten; choose another name\n")
    assert (tmp_path / "g.png").read_bytes() == content


def test_a_stream_may_come_from_and_go_to_one_device(tmp_path: Path) -> None:
    gray(tmp_path / "g.png")
    ran = run_shell("convcli pool g.png -o - < /dev/null > /dev/null", tmp_path)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_target_that_turns_into_a_link_to_the_input_does_not_lose_it(
    convcli: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = gray(in_folder / "g.png").read_bytes()
    (in_folder / "x.png").write_bytes(b"old")

    def encoded_late(*arguments: object, **options: object) -> object:
        (in_folder / "x.png").unlink()
        (in_folder / "x.png").symlink_to("g.png")
        return encode(*arguments, **options)  # type: ignore[arg-type] # as they come

    monkeypatch.setattr("convcli.pipeline.job.encode", encoded_late)
    ran = convcli("pool", "g.png", "-o", "x.png", "--force")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "convcli: x.png: is an input, and inputs are never overwritten; choose another name\n"
    assert (in_folder / "g.png").read_bytes() == content


def test_two_folders_that_are_one_do_not_lose_an_output(convcli: Runner, in_folder: Path) -> None:
    for folder in "ab":
        (in_folder / "in" / folder).mkdir(parents=True)
        gray(in_folder / "in" / folder / "x.png", ord(folder))
    (in_folder / "out" / "a").mkdir(parents=True)
    (in_folder / "out" / "b").symlink_to("a")
    ran = convcli("pool", "--recursive", "in", "--out-dir", "out", "--force")
    assert (ran.code, ran.out) == (2, "")
    assert "2 results have this output" in ran.err
    assert list((in_folder / "out" / "a").iterdir()) == []


@pytest.mark.parametrize("template", ["{stem}/{filter}.{ext}", "{name}/../{stem}.{ext}"])
def test_a_name_does_not_lead_out_of_the_folder(convcli: Runner, in_folder: Path, template: str) -> None:
    with (in_folder / "...png").open("wb") as stream:
        Image.new("L", (5, 6)).save(stream, "PNG")
    ran = convcli("pool", "...png", "--out-dir", "out/deep", "--name", template)
    assert (ran.code, ran.out) == (2, "")
    assert [path.name for path in in_folder.rglob("*")] == ["...png"]


def test_a_tree_deeper_than_python_calls(convcli: Runner, in_folder: Path) -> None:
    here = Path.cwd()
    try:
        for _ in range(1100):  # Python calls itself 1000 times at most
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(here)
    gray(in_folder / "d" / "d" / "g.png")
    ran = convcli("pool", "--recursive", "d", "--out-dir", "out", "--json")
    subprocess.run(["rm", "-rf", "d"], cwd=in_folder, check=True)  # which Python cannot, for pytest
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["output"] == "out/d/g-maxpool-2x2.png"


def test_a_list_of_zero_bytes_is_refused_before_it_is_parted(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "zeros").write_bytes(bytes(1000))
    assert convcli("pool", "--files0-from", "zeros").err.endswith("name number 1 is empty\n")
    (in_folder / "gap").write_bytes(b"a\0b\0\0c\0")
    assert convcli("pool", "--files0-from", "gap").err.endswith("name number 3 is empty\n")


@pytest.mark.parametrize("name", ["x.csv", "x.webp", "x.avif"])
def test_what_encoders_take_counts(convcli: Runner, in_folder: Path, name: str) -> None:
    Image.new("L", (100, 100)).save(in_folder / "g.png")
    assert convcli("pool", "g.png", "--f", "1", "-o", "x.png", "--max-memory", "64k").code == 0
    ran = convcli("pool", "g.png", "--f", "1", "-o", name, "--max-memory", "100k")
    assert (ran.code, "needs about" in ran.err) == (1, True)


@pytest.mark.parametrize("command", [("explain", "g.png", "--filter", "box"), ("learn", "g.png", "g.png")])
def test_what_is_made_of_a_picture_counts(convcli: Runner, in_folder: Path, command: tuple[str, ...]) -> None:
    Image.new("L", (100, 100)).save(in_folder / "g.png")
    ran = convcli(*command, "--max-memory", "100k")
    assert (ran.code, ran.out, "g.png: needs about" in ran.err) == (1, "", True)


def test_what_pillow_logs_is_not_printed(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "g.tif")
    content = (tmp_path / "g.tif").read_bytes()
    samples = content.index(struct.pack("<H", 277)) + 8
    (tmp_path / "g.tif").write_bytes(content[:samples] + b"\x99\0" + content[samples + 2 :])
    ran = run_shell("convcli pool g.tif", tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr.count(b"\n")) == (1, b"", 1)
    assert ran.stderr.startswith(b"convcli: g.tif: ")


def test_lines_of_others_are_passed_on_while_a_tiff_is_decoded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "g.tif")
    with (tmp_path / "g.tif").open("rb") as stream, captured_libtiff_errors(stream) as heard:
        os.write(2, b"INFO hello\nTIFFReadDirectory: Warning, Unknown field.\n")
        assert heard() == ""
        os.write(2, b"Fax4Decode: Bad code word.\n")
        assert heard() == "is damaged: Fax4Decode: Bad code word"
    assert capfd.readouterr().err == "INFO hello\n"
