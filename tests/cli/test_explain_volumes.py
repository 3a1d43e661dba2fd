"""``convcli explain`` with filters as deep as the picture: partial sums add up to what the engine gives."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcli as public
from convcli.convolution.engine import convolve
from convcli.kernels.lookup import kernel
from convcli.kernels.weights import read_bias
from tests.support.command_line import SAMPLES, Runner, assert_refused

RNG = np.random.default_rng(21)
IMAGE = RNG.integers(0, 256, (7, 8, 3))
VOLUME = RNG.integers(-3, 4, (3, 3, 3))
BANK = RNG.standard_normal((5, 2, 3, 4))

pytestmark = pytest.mark.usefixtures("in_folder")


@pytest.fixture(autouse=True)
def _files(in_folder: Path) -> None:  # noqa: ARG001 # in that folder
    np.save("p.npy", IMAGE)
    np.save("bank.npy", BANK)
    Path("v.json").write_text(json.dumps({"order": "hwio", "kernel": VOLUME.tolist()}))


def explained(convcli: Runner, *options: object) -> Any:
    ran = convcli("explain", "p.npy", *options, "--json")
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


@pytest.mark.parametrize(
    ("window", "options"),
    [
        ({}, ""),
        ({"padding": "valid", "stride": 2}, "--p valid --s 2"),
        ({"border": "constant:7", "dilation": 2}, "--border constant:7 --d 2"),
        ({"flip": True, "border": "wrap"}, "--flip --border wrap"),
    ],
)
def test_partial_sums_add_up_to_the_result(convcli: Runner, window: dict[str, Any], options: str) -> None:
    expected = public.convolve_volume(IMAGE, VOLUME, **window)
    for row, column in ((0, 0), (1, 1), (expected.shape[0] - 1, expected.shape[1] - 1)):
        record = explained(convcli, "--kernel", "@v.json", "--at", f"{column},{row}", *options.split())
        assert [one["channel"] for one in record["channels"]] == ["r", "g", "b"]
        for channel, one in enumerate(record["channels"]):
            (cell,) = one["cells"]
            alone = convolve(IMAGE[..., channel], VOLUME[..., channel], **window)[row, column]
            assert cell["sum"] == alone == (np.array(cell["patch"]) * cell["taps"]).sum()
        assert record["sum"] == record["value"] == record["pixel"] == expected[row, column]


def test_bias_and_relu_after_the_sum(convcli: Runner) -> None:
    at = ("--at", "2,3")
    total = int(public.convolve_volume(IMAGE, VOLUME)[3, 2])
    record = explained(convcli, "--kernel", "@v.json", *at, "--bias", f"{-total - 5}", "--relu")
    assert [record[key] for key in ("sum", "bias", "relu", "value")] == [total, -total - 5, True, 0]
    assert convcli("explain", "p.npy", "--kernel", "@v.json", *at, "--bias", "1").out == f"{total + 1}\n"
    single = explained(convcli, "--filter", "sobel-x", "--channels", "g", *at, "--bias", "2.5", "--relu")
    value = int(convolve(IMAGE[..., 1], kernel("sobel-x"))[3, 2])
    assert [single[key] for key in ("bias", "relu", "value")] == [2.5, True, max(value + 2.5, 0)]


def test_a_filter_of_a_bank(convcli: Runner) -> None:
    expected = public.convolve_volume(IMAGE, BANK)
    record = explained(convcli, "--kernel", "@bank.npy", "--map", "3", "--at", "4,5")
    assert (record["filter"], record["map"]) == ("bank", 3)
    assert record["value"] == pytest.approx(expected[5, 4, 2], rel=1e-6)
    assert sum(one["cells"][0]["sum"] for one in record["channels"]) == pytest.approx(record["sum"])
    start = ("explain", "p.npy", "--kernel")
    assert_refused(
        convcli(*start, "@bank.npy"), "--map: missing: bank has 4 filters; choose one, as in --map 1"
    )
    assert_refused(convcli(*start, "@bank.npy", "--map", "5"), "--map 5: must be from 1 to 4")
    assert_refused(
        convcli(*start, "1 0", "--map", "1"), "--map: selects one of several filters, but kernel is one"
    )
    np.save("deep.npy", np.ones((3, 3, 2)))
    assert_refused(convcli(*start, "@deep.npy"), "p.npy: taps 3x3x2: must be (f_h, f_w, 3)")


def test_filters_of_depth_one_filter_each_channel(convcli: Runner) -> None:
    np.save("flat.npy", BANK[:, :, :1])
    record = explained(convcli, "--kernel", "@flat.npy", "--map", "2", "--at", "1,1")
    expected = [convolve(IMAGE[..., channel], BANK[:, :, 0, 1])[1, 1] for channel in range(3)]
    assert [one["value"] for one in record["channels"]] == pytest.approx(expected)


def test_the_bias_of_a_file_of_weights(convcli: Runner) -> None:
    biases = np.array([0.5, -2, 0, 3])
    weights: dict[str, Any] = {
        "conv1.weight": BANK.transpose(3, 2, 0, 1),
        "conv1.bias": biases,
        "other": biases,
    }
    np.savez("w.npz", **weights)
    options = ("explain", "p.npy", "--kernel", "@w.npz:conv1.weight", "--order", "oihw", "--json", "--map")
    expected = public.convolve_volume(IMAGE, BANK)[0, 0]
    for number, bias in enumerate(biases, 1):
        ran = convcli(*options, f"{number}")
        record = json.loads(ran.out)
        assert (record["bias"], record["value"]) == (bias, pytest.approx(expected[number - 1] + bias))
        note = f"the bias {bias:g} of conv1.bias is added; apply adds it only with --bias {bias:g}\n"
        assert ran.err == (f"convcli: note: w.npz: {note}" if bias else "")
    ran = convcli(*options, "1", "--bias", "7")
    assert (json.loads(ran.out)["bias"], ran.err) == (7, "")
    np.savez("w.npz", **{**weights, "conv1.bias": biases[:2]})
    assert_refused(
        convcli(*options, "4"), "w.npz: conv1.bias: has 2 numbers, too few for map 4; give a --bias"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, None), ({"bias": 2}, [2]), ({"bias": [1, 2.5]}, [1, 2.5])],
)
def test_bias_beside_a_kernel(fields: dict[str, object], expected: list[float] | None) -> None:
    Path("k.json").write_text(json.dumps({"kernel": [[1, 2]], **fields}))
    assert read_bias("k.json") == (None if expected is None else ("bias", expected))


def test_bias_of_layers_named_as_keras_does() -> None:
    named: dict[str, Any] = {"conv/kernel:0": np.ones((1, 1)), "conv/bias:0": np.array([4.0])}
    np.savez("k.npz", **named)
    assert read_bias("k.npz", "conv/kernel:0") == ("conv/bias:0", [4])
    np.savez("alone.npz", bias=np.ones((1, 1)))
    assert read_bias("alone.npz") is None
    Path("k.json").write_text('{"kernel": [[1]], "bias": "much"}')
    with pytest.raises(public.KernelError, match="must hold finite numbers"):
        read_bias("k.json")


NOTE = "3x3x3 is read as (f, f, C); if the axes are (C, f, f), add --order oihw\n"


def test_axes_that_can_be_read_in_two_ways(convcli: Runner) -> None:
    Path("plain.json").write_text(json.dumps(VOLUME.tolist()))
    start = ("explain", "p.npy", "--kernel", "@plain.json", "--at", "1,1")
    ran = convcli(*start)
    expected = int(public.convolve_volume(IMAGE, VOLUME)[1, 1])
    assert ran.all == (0, f"{expected}\n", f"convcli: note: plain.json: {NOTE}")
    assert convcli(*start, "--order", "hwio").all == (0, f"{expected}\n", "")
    other = int(public.convolve_volume(IMAGE, VOLUME.transpose(1, 2, 0))[1, 1])
    assert convcli(*start, "--order", "oihw").all == (0, f"{other}\n", "")
    Path("stated.json").write_text(json.dumps({"kernel": VOLUME.tolist(), "order": "oihw"}))
    assert convcli("explain", "p.npy", "--kernel", "@stated.json", "--at", "1,1").all == (0, f"{other}\n", "")
    Path("wrong.json").write_text(json.dumps({"kernel": VOLUME.tolist(), "order": "chw"}))
    assert_refused(convcli("explain", "p.npy", "--kernel", "@wrong.json"), "wrong.json: \"order\" 'chw': ")
    Path("same.json").write_text(json.dumps(np.ones((3, 3, 3)).tolist()))
    assert convcli("explain", "p.npy", "--kernel", "@same.json").err == ""
    ran = convcli("apply", "p.npy", "--kernel", "@plain.json", "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", f"convcli: note: plain.json: {NOTE}")


def test_the_sum_of_channels_is_shown_channel_by_channel(convcli: Runner) -> None:
    options = ("--filter", "sobel-x", "--channels", "sum", "--at", "3,2", "--border", "constant:9")
    record = explained(convcli, *options)
    parts = [convolve(IMAGE[..., c], kernel("sobel-x"), border="constant:9")[2, 3] for c in range(3)]
    assert [one["cells"][0]["sum"] for one in record["channels"]] == parts
    assert record["value"] == sum(parts)
    assert convcli("apply", "p.npy", *options[:4], *options[6:], "-o", "out.npy").code == 0
    assert np.load("out.npy")[2, 3] == sum(parts)
    combined = explained(convcli, "--filter", "sobel", "--channels", "sum", "--at", "3,2")
    assert (combined["channel"], len(combined["cells"])) == ("sum", 2)  # both kernels, of the sum


RED_EDGE = ("explain", SAMPLES / "chelsea.png", "--kernel", f"@{SAMPLES / 'red-edge.json'}", "--at", "100,20")


def test_a_terminal_of_24_lines_holds_three_channels(terminal: Runner) -> None:
    ran = terminal(*RED_EDGE, "--bias", "5", "--relu", columns=80)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.partition("\n")[2] == (
        "\n"
        "   patch                filter      products          sum\n"
        "r   155   157   167      1  0 -1     155    0 -167\n"
        "    150   149   159      1  0 -1     150    0 -159\n"
        "    151   145   150      1  0 -1     151    0 -150    = -20\n"
        "\n"
        "g   115   118   126      0  0  0       0    0    0\n"
        "    110   110   120      0  0  0       0    0    0\n"
        "    111   106   111      0  0  0       0    0    0    = 0\n"
        "\n"
        "b    90    89    98      0  0  0       0    0    0\n"
        "     85    81    91      0  0  0       0    0    0\n"
        "     86    77    82      0  0  0       0    0    0    = 0\n"
        "\n"
        "sum    (-20) + 0 + 0 = -20\n"
        "bias   -20 + 5 = -15\n"
        "relu   max(-15, 0) = 0\n"
        "pixel  0 (--signed abs)\n"
    )
    assert ran.out.count("\n") < 24
    narrow = terminal(*RED_EDGE, columns=40)
    assert max(map(len, narrow.out.splitlines()[1:])) <= 40
    assert "\nchannel g\npatch                filter    products\n 115   118   126     0 0 0" in narrow.out
    assert "\nsum  155 + (-167)" in narrow.out


def test_of_deep_volumes_the_first_channels_are_shown(terminal: Runner) -> None:
    np.save("deep.npy", np.ones((4, 4, 40), int))
    np.save("k.npy", np.ones((1, 1, 40), int))
    shown = terminal("explain", "deep.npy", "--kernel", "@k.npy", columns=80).out
    assert "\n8   1       1         1           = 1\n\n... and 32 more channels; --json has them\n" in shown
    assert "sum    the sums of 40 channels = 40\n" in shown


def test_samples_say_what_they_are_for(convcli: Runner) -> None:
    red = ("--kernel", f"@{SAMPLES / 'red-edge.json'}", "--padding", "valid")
    for channel in range(3):
        image = np.zeros((6, 6, 3), int)
        image[:, :3, channel] = 10
        np.save("edge.npy", image)
        value = convcli("explain", "edge.npy", *red, "--at", "1,1").out
        assert value == ("30\n" if channel == 0 else "0\n")
    for name in ("sobel-x", "vertical", "laplacian"):
        ran = convcli("apply", SAMPLES / "two-edges.csv", "--filter", name, "--padding", "valid")
        found = np.array([line.split() for line in ran.out.splitlines()], int)
        assert found.any()
        assert (found[:, :3] == found[:, -3:]).all()  # the same response to the same feature


def test_weights_by_alpha_are_noted(convcli: Runner) -> None:
    from PIL import Image

    pixels = RNG.integers(0, 256, (4, 4, 4)).astype(np.uint8)
    Image.fromarray(pixels).save("glass.png")
    np.save("box.npy", np.ones((3, 3, 3), int))
    ran = convcli("explain", "glass.png", "--kernel", "@box.npy", "--at", "1,1")
    assert ran.code == 0
    assert "glass.png: the window has transparent pixels, so apply weights colors by alpha" in ran.err
    record = json.loads(convcli("explain", "glass.png", "--kernel", "@box.npy", "--at", "1,1", "--json").out)
    sums = [cell["sum"] for channel in record["channels"] for cell in channel["cells"]]
    assert record["sum"] == sum(sums) != record["value"]
    assert convcli("apply", "glass.png", "--kernel", "@box.npy", "--signed", "raw", "-o", "o.npy").code == 0
    assert float(ran.out) == np.load("o.npy")[1, 1]
