"""One call from Python against the command: the same bytes, the same refusals."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

import convcli as public
from convcli.errors import FilterError, ImageError, KernelError, OutputError, SizeError, UsageError
from convcli.pictures.picture import Picture
from convcli.pipeline.single_picture import filter_file, filter_picture, pool_file, pool_picture
from tests.support.command_line import SAMPLES, Runner

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray[Any, Any]:
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Make a folder of pictures that carry something that must be kept, or cannot be."""
    rgb = Image.fromarray(noise(23, 31, 3))
    rgb.save(tmp_path / "plain.png")
    rgb.save(tmp_path / "profile.png", icc_profile=SRGB, dpi=(300, 300))
    Image.fromarray(noise(23, 31, 4)).save(tmp_path / "alpha.png")
    Image.fromarray(noise(23, 31, dtype=np.uint16)).save(tmp_path / "deep.png")
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees
    rgb.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    rgb.quantize(16).save(tmp_path / "palette.png", transparency=3)
    np.save(tmp_path / "floats.npy", noise(9, 11).astype(np.float32) / 7)
    (tmp_path / "matrix.csv").write_text("10,10,0,0\n" * 4)
    return tmp_path


NAMES = ["plain.png", "profile.png", "alpha.png", "deep.png", "turned.jpg", "palette.png", "floats.npy"]
CASES: list[tuple[list[str], dict[str, Any]]] = [
    (["--filter", "sobel-x"], {"filter": "sobel-x"}),
    (["--filter", "sobel", "--padding", "valid", "--stride", "2x1"], {"filter": "sobel", "padding": "valid", "stride": (2, 1)}),
    (["--filter", "gaussian:sigma=2", "--signed", "clip", "--border", "wrap"], {"filter": "gaussian:sigma=2", "signed": "clip", "border": "wrap"}),
    (["--kernel", "1 0 -2; 3 0 1", "--flip", "--scale", "0.5", "--bias", "3", "--relu"], {"filter": [[1, 0, -2], [3, 0, 1]], "flip": True, "scale": 0.5, "bias": 3, "relu": True}),
    (["--filter", "scharr-y", "--scale", "gain", "--signed", "center"], {"filter": "scharr-y", "scale": None, "signed": "center"}),
    (["--filter", "sobel-y", "--channels", "sum", "--dilation", "2"], {"filter": "sobel-y", "channels": "sum", "dilation": 2}),
    (["--filter", "prewitt-x", "--padding", "1:2x0:3", "--signed", "stretch"], {"filter": "prewitt-x", "padding": ((1, 2), (0, 3)), "signed": "stretch"}),
]  # fmt: skip


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("words", "options"), CASES)
@pytest.mark.parametrize("extension", ["png", "tiff", "npy"])
def test_a_filtered_file_has_the_bytes_of_the_command(
    convcli: Runner, inputs: Path, name: str, words: list[str], options: dict[str, Any], extension: str
) -> None:
    by_command, by_call = inputs / f"command.{extension}", inputs / f"call.{extension}"
    ran = convcli("apply", inputs / name, *words, "-o", by_command, "--json")
    if ran.code:
        with pytest.raises((OutputError, UsageError)):
            filter_file(inputs / name, **options, output=by_call)
        assert not by_call.exists()
        return
    result = filter_file(inputs / name, **options, output=by_call)
    assert by_call.read_bytes() == by_command.read_bytes()
    expected = json.loads(ran.out)
    assert result.output == str(by_call)
    changing = {"output", "seconds", "filter"} if "--kernel" in words else {"output", "seconds"}
    assert {key: value for key, value in result.record.items() if key not in changing} == {
        key: value for key, value in expected.items() if key not in changing
    }
    assert list(result.notes) == [
        line.removeprefix(f"convcli: note: {inputs / name}: ") for line in ran.err.splitlines()
    ]


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("words", "options"), CASES)
def test_a_filtered_picture_in_memory_is_what_the_command_writes(
    convcli: Runner, inputs: Path, name: str, words: list[str], options: dict[str, Any]
) -> None:
    extension = "npy" if name == "floats.npy" and "signed" not in options else "png"
    target, written = inputs / f"command.{extension}", inputs / f"call.{extension}"
    assert convcli("apply", inputs / name, *words, "-o", target).code == 0
    result = public.filter_picture(public.read_picture(inputs / name), **options)
    public.write_picture(written, result)
    assert written.read_bytes() == target.read_bytes()


def test_what_a_picture_carries_is_kept(inputs: Path) -> None:
    with Image.open(filter_file(inputs / "profile.png", "box", output=inputs / "soft.png").output) as soft:
        assert soft.info["icc_profile"] == SRGB
        assert soft.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    alpha = filter_picture(public.read_picture(inputs / "alpha.png"), "sobel")
    with Image.open(inputs / "alpha.png") as before:
        assert (np.asarray(before)[..., 3] == alpha.alpha).all()
    assert filter_picture(public.read_picture(inputs / "deep.png"), "box").pixels.dtype == np.uint16
    turned = filter_picture(public.read_picture(inputs / "turned.jpg"), "identity")
    assert turned.pixels.shape == (31, 23, 3)
    gray = filter_picture(public.read_picture(inputs / "profile.png"), "sobel", channels="gray")
    assert gray.profile is None
    assert gray.notes == ("the color profile does not fit the result and is dropped",)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--f", "2"], {"size": 2}),
        (["--mode", "avg", "--f", "3", "--s", "2", "--p", "1"], {"mode": "avg", "size": 3, "stride": 2, "padding": 1}),
        (["--f", "4x2", "--ceil"], {"size": (4, 2), "ceil": True}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", NAMES)
def test_a_pooled_file_has_the_bytes_of_the_command(
    convcli: Runner, inputs: Path, name: str, words: list[str], options: dict[str, Any]
) -> None:
    extension = "npy" if name == "floats.npy" else "png"
    by_command, by_call = inputs / f"command.{extension}", inputs / f"call.{extension}"
    assert convcli("pool", inputs / name, *words, "-o", by_command).code == 0
    pool_file(inputs / name, **options, output=by_call)
    assert by_call.read_bytes() == by_command.read_bytes()
    written = inputs / f"picture.{extension}"
    public.write_picture(written, pool_picture(public.read_picture(inputs / name), **options))
    assert written.read_bytes() == by_command.read_bytes()


@pytest.mark.parametrize("background", ["white", "#ff8800"])
@pytest.mark.parametrize("name", ["alpha.png", "palette.png", "plain.png"])
def test_a_background_has_the_bytes_of_the_command(
    convcli: Runner, inputs: Path, name: str, background: str
) -> None:
    by_command, by_call = inputs / "command.jpg", inputs / "call.jpg"
    words = "--background", background, "-o", by_command, "--force"
    assert convcli("apply", inputs / name, "--filter", "box", *words).code == 0
    public.filter_file(inputs / name, "box", background=background, output=by_call)
    assert by_call.read_bytes() == by_command.read_bytes()
    assert convcli("pool", inputs / name, *words).code == 0
    public.pool_file(inputs / name, background=background, output=by_call, force=True)
    assert by_call.read_bytes() == by_command.read_bytes()


@pytest.mark.parametrize(
    ("background", "message"),
    [
        ("whyte", "background 'whyte': unknown color; did you mean white?"),
        (
            (1, 2, 3),
            "background '(1, 2, 3)': is not an opaque color such as white, #ff8800 or rgb(255,136,0)",
        ),
    ],
)
def test_a_wrong_background_is_refused(inputs: Path, background: Any, message: str) -> None:
    options = {"background": background, "output": inputs / "out.jpg"}
    with pytest.raises(UsageError) as caught:
        filter_file(inputs / "alpha.png", "box", **options)
    assert str(caught.value) == message
    with pytest.raises(UsageError) as caught:
        pool_file(inputs / "alpha.png", **options)
    assert str(caught.value) == message
    assert not (inputs / "out.jpg").exists()


def test_errors_say_what_to_do(inputs: Path) -> None:
    rgba, jpeg, png = noise(5, 6, 4), inputs / "out.jpg", inputs / "plain.png"
    with pytest.raises(OutputError) as caught:
        public.filter_file(inputs / "alpha.png", "box", output=jpeg)
    assert caught.value.why == (
        "jpeg cannot hold alpha; use png, tiff, webp, or blend it with a color: --background white"
    )
    with pytest.raises(OutputError) as caught:
        public.pool_file(inputs / "alpha.png", output=png)
    assert caught.value.why == "exists; use --force to overwrite it"
    public.pool_file(inputs / "alpha.png", output=png, force=True)
    hint = ", or in Python Picture(pixels[..., :3], alpha=pixels[..., 3]) if the fourth is alpha"
    for target, pixels, end in (
        (inputs / "rgba.png", rgba, hint),
        (jpeg, rgba, ""),
        (inputs / "rgba.png", rgba.astype(np.uint16), hint),
    ):
        with pytest.raises(OutputError) as caught:
            public.write_picture(target, public.filter_picture(Picture(pixels), "sobel-x"))
        kind = "jpeg" if target == jpeg else "png"
        assert caught.value.why == f"{kind} holds 1 or 3 channels, not 4; use tiff or npy{end}"
    picture = Picture(rgba[..., :3], alpha=rgba[..., 3])
    public.write_picture(inputs / "rgba.png", filter_picture(picture, "sobel-x"))
    with Image.open(inputs / "rgba.png") as written:
        assert (np.asarray(written)[..., 3] == rgba[..., 3]).all()


def test_the_repr_of_a_file_result_is_short(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(inputs)
    result = public.filter_file("plain.png", "gaussian:sigma=4", output="soft.png")
    assert repr(result) == "FileResult(output='soft.png', notes=())"
    assert isinstance(result, public.FileResult)
    assert isinstance(public.pool_file("plain.png"), public.FileResult)


def test_names_are_derived_as_by_the_command(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(inputs)
    assert filter_file("plain.png", "sobel-x").output == "plain-sobel-x.png"
    assert filter_file("matrix.csv", "vertical", padding="valid").output == "matrix-vertical.csv"
    assert Path("matrix-vertical.csv").read_text() == "30,30\n30,30\n"
    assert pool_file("plain.png", format="tiff").output == "plain-maxpool-2x2.tiff"


def test_a_kernel_and_a_bank_are_filters(inputs: Path) -> None:
    picture = Picture(np.array([[1, 2], [3, 4]], np.uint8))
    assert filter_picture(picture, [[2]]).pixels.tolist() == [[2, 4], [6, 8]]
    from convcli.kernels.banks import orientation_bank

    maps = filter_picture(
        public.read_picture(inputs / "plain.png"), orientation_bank("sobel:4"), signed="raw"
    )
    assert maps.maps
    assert maps.pixels.shape == (23, 31, 12)


@pytest.mark.parametrize("shape", [(3, 3, 3), (3, 3, 3, 4), (3, 3, 1, 2)])
def test_weights_have_the_bytes_of_the_command(convcli: Runner, inputs: Path, shape: tuple[int, ...]) -> None:
    weights = noise(*shape).astype(np.int64) - 128
    np.save(inputs / "weights.npy", weights)
    options: dict[str, Any] = {"stride": 2, "bias": -3, "relu": True}
    by_command, by_call = inputs / "command.npy", inputs / "call.npy"
    words = [
        "--kernel",
        f"@{inputs / 'weights.npy'}",
        "--stride",
        "2",
        "--bias=-3",
        "--relu",
        "-o",
        by_command,
    ]
    assert convcli("apply", inputs / "plain.png", *words).code == 0
    filter_file(inputs / "plain.png", public.read_weights(inputs / "weights.npy"), output=by_call, **options)
    assert by_call.read_bytes() == by_command.read_bytes()
    result = filter_picture(public.read_picture(inputs / "plain.png"), weights, signed="raw", **options)
    assert (result.pixels == np.load(by_command)).all()
    with pytest.raises(KernelError, match="must have two to four axes"):
        filter_picture(Picture(noise(4, 4)), np.ones((1, 1, 1, 1, 1)))


def test_failures_are_raised(inputs: Path) -> None:
    target = inputs / "out.png"
    with pytest.raises(ImageError, match="no such file"):
        filter_file(inputs / "none.png", "sobel", output=target)
    with pytest.raises(FilterError, match="did you mean sobel"):
        filter_file(inputs / "plain.png", "sobell", output=target)
    with pytest.raises(SizeError):
        filter_file(inputs / "plain.png", "sobel", output=target, padding="valid", dilation=99)
    with pytest.raises(SizeError, match="at least 1"):
        filter_file(inputs / "plain.png", "sobel", output=target, stride=0)
    with pytest.raises(UsageError, match="signed"):
        filter_picture(public.read_picture(inputs / "plain.png"), "sobel", signed="loud")
    with pytest.raises(OutputError):
        filter_file(inputs / "plain.png", "sobel", output=target, signed="raw")
    with pytest.raises(OutputError):
        filter_file(inputs / "plain.png", "sobel", output=inputs / "plain.png", force=True)
    assert not target.exists()
    filter_file(inputs / "plain.png", "sobel", output=target)
    before = target.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        filter_file(inputs / "plain.png", "box", output=target)
    assert target.read_bytes() == before
    filter_file(inputs / "plain.png", "box", output=target, force=True)
    assert target.read_bytes() != before


@pytest.mark.parametrize("value", [np.zeros((2, 2), np.uint8), "cat.png", None])
def test_only_a_picture_is_processed_in_memory(value: Any) -> None:
    message = f"picture of type {type(value).__name__}: must be a Picture, as in Picture\\(array\\)"
    with pytest.raises(UsageError, match=message):
        filter_picture(value, "sobel")
    with pytest.raises(UsageError, match=message):
        pool_picture(value)


def test_numbers_in_memory_stay_numbers() -> None:
    floats = Picture(np.array([[0.25, 0.5], [0.75, 1]]))
    assert filter_picture(floats, [[2]]).pixels.tolist() == [[0.5, 1], [1.5, 2]]
    integers = Picture(np.array([[1, 2], [3, 5]]))
    assert pool_picture(integers, mode="avg").pixels.tolist() == [[2.75]]
    differences = filter_picture(
        Picture(np.array([[9, 5]], np.uint8)), [[-1, 1]], signed="raw", padding="valid"
    )
    assert filter_picture(differences, [[1]]).pixels.tolist() == [[-4]]


def test_feature_maps_stay_feature_maps(tmp_path: Path) -> None:
    maps = Picture(noise(8, 9, 3), maps=True)
    for result in (filter_picture(maps, "sobel"), pool_picture(maps)):
        assert result.maps
        with pytest.raises(OutputError, match="png holds one map, not 3; use npy or tiff"):
            public.write_picture(tmp_path / "maps.png", result)
    assert not filter_picture(maps, "sobel", channels="sum").maps
    assert not filter_picture(Picture(noise(8, 9, 3)), "sobel").maps


def test_a_path_may_be_bytes_or_any_path_like(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Where:
        def __fspath__(self) -> str:
            return "out.png"

    monkeypatch.chdir(inputs)
    before = set(inputs.iterdir())
    result = filter_file(b"plain.png", "sobel", output=Where())  # type: ignore[arg-type]
    assert (result.record["input"], result.output) == ("plain.png", "out.png")
    assert pool_file(Where(), output=b"small.png").output == "small.png"  # type: ignore[arg-type]
    assert set(inputs.iterdir()) - before == {inputs / "out.png", inputs / "small.png"}
    for nothing in (io.BytesIO(b""), None, 3):
        with pytest.raises(TypeError, match="expected str, bytes or os"):
            filter_file(nothing, "sobel", output="never.png")  # type: ignore[arg-type]


def test_a_dash_is_a_file_and_not_a_standard_stream(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(inputs)
    monkeypatch.setattr("sys.stdin", None)
    filter_file("plain.png", "box", output="-", format="png")
    assert capfd.readouterr() == ("", "")
    pooled = pool_file("-", output="small.png")
    assert (pooled.record["input"], pooled.record["shape_in"]) == ("./-", "23x31x3")
    assert public.read_picture("-").pixels.shape == (23, 31, 3)


def test_a_result_far_larger_than_the_picture_is_refused_before_it_is_computed(inputs: Path) -> None:
    with pytest.raises(SizeError, match="enlarges a 23x31 image to 4000108000713 pixels"):
        filter_file(inputs / "plain.png", "box", output=inputs / "large.png", padding=10**6)
    assert not (inputs / "large.png").exists()


@pytest.mark.parametrize("options", [{"max_pixels": "x"}, {"frame": -1}])
def test_wrong_limits_are_not_blamed_on_the_file(inputs: Path, options: dict[str, Any]) -> None:
    with pytest.raises(SizeError, match="must be a whole number"):
        pool_file(inputs / "plain.png", output=inputs / "out.png", **options)


def test_on_a_photograph(convcli: Runner, tmp_path: Path) -> None:
    by_command, by_call = tmp_path / "command.jpg", tmp_path / "call.jpg"
    assert convcli("apply", SAMPLES / "chelsea.png", "--filter", "sobel", "-o", by_command).code == 0
    public.filter_file(SAMPLES / "chelsea.png", "sobel", output=by_call)
    assert by_call.read_bytes() == by_command.read_bytes()
