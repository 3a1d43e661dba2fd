"""``convcli params -o``: what is drawn, where it goes, and what is refused before anything is written."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.command_line import (
    SVG,
    Runner,
    assert_failed,
    assert_refused,
    nothing_changes,
    on_terminal,
)


def boxes(text: str) -> list[str]:
    """Return the labels of the boxes of an SVG document."""
    titles = [
        rect.findtext(f"{SVG}title") or ""
        for rect in ElementTree.fromstring(text).findall(f"{SVG}rect")
        if rect.get("id", "layer-0") != "layer-0"
    ]
    return [title.splitlines()[0] for title in titles]


def test_into_a_pipe_goes_where_it_was_written(convcli: Runner, in_folder: Path) -> None:
    assert convcli("params", "lenet5", "-o", "net.svg").all == (0, "net.svg\n", "")
    text = (in_folder / "net.svg").read_text()
    assert len(boxes(text)) == 12
    assert ElementTree.fromstring(text).findtext(f"{SVG}title") == "lenet5"


@pytest.mark.parametrize("name", ["net.html", "net.HTM"])
def test_a_page_tells_what_the_network_is_and_its_costs(convcli: Runner, in_folder: Path, name: str) -> None:
    ran = convcli("params", "lenet5", "-o", name, "--dtype", "int8", "--batch", 10)
    assert ran.all == (0, f"{name}\n", "")
    text = (in_folder / name).read_text("utf-8")
    assert "<h1>lenet5</h1>" in text
    assert "LeCun" in text
    assert "61,706 bytes (60.3 KiB) as int8" in text
    assert "4,165,200 for a mini-batch of 10" in text


def test_on_a_terminal_the_table_is_shown_and_where_the_drawing_is(in_folder: Path) -> None:
    ran = on_terminal("params", "lenet5", "-o", "net.svg", NO_COLOR="1")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0].startswith("layer")
    assert ran.out.splitlines()[-1].split() == ["written", "net.svg"]
    assert (in_folder / "net.svg").exists()


def test_json_tells_it_beside_all_else(convcli: Runner, in_folder: Path) -> None:
    plain = json.loads(convcli("params", "lenet5", "--json").out)
    ran = convcli("params", "lenet5", "--json", "-o", "net.svg")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == plain | {"diagram": "net.svg"}
    assert (in_folder / "net.svg").exists()


@pytest.mark.parametrize("form", ["--csv", "--md"])
def test_a_table_that_is_asked_for_is_printed(convcli: Runner, in_folder: Path, form: str) -> None:
    plain = convcli("params", "lenet5", form)
    assert convcli("params", "lenet5", form, "-o", "net.svg").all == plain.all
    assert (in_folder / "net.svg").exists()


def test_standard_output_gets_the_drawing_alone(convcli: Runner, in_folder: Path) -> None:
    ran = convcli("params", "lenet5", "-o", "-")
    assert (ran.code, ran.err) == (0, "")
    assert convcli("params", "lenet5", "-o", "net.svg").code == 0
    assert ran.out == (in_folder / "net.svg").read_text()


def test_a_terminal_gets_no_drawing() -> None:
    ran = on_terminal("params", "lenet5", "-o", "-")
    assert ran.all == (2, "", "convcli: -o -: svg cannot be shown in a terminal; redirect it\n")


@pytest.mark.parametrize("form", ["json", "csv", "md"])
def test_standard_output_for_two_things_is_refused(convcli: Runner, form: str) -> None:
    assert_refused(
        convcli("params", "lenet5", "-o", "-", f"--{form}"),
        f"-o -: writes to standard output, and so does --{form}",
    )


@pytest.mark.usefixtures("in_folder")
def test_blocks_are_folded_and_inputs_are_of_another_size(convcli: Runner) -> None:
    ran = convcli("params", "resnet18", "--by-block", "--n", "320", "-o", "-")
    assert ran.code == 0
    assert "2 x { add, relu }" in boxes(ran.out)
    assert "input 320x320x3, output 1000" in ran.out


def test_the_dense_twins_stand_in_the_table_of_the_page(convcli: Runner, in_folder: Path) -> None:
    assert convcli("params", "lenet5", "--versus-dense", "-o", "net.html").code == 0
    assert ">dense params<" in (in_folder / "net.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ("--n 32x32x3 --f 5 --c-out 6", "conv 6 f5"),
        ("--n 32 --c-in 4 --f 3 --c-out 8 --g 2 --no-bias", "conv 8 f3 g2 nobias"),
        ("--n 128x128x1 --dense 300", "fc 300"),
        ("--c-in 120 --dense 84", "fc 84"),
    ],
)
def test_a_single_layer(convcli: Runner, in_folder: Path, options: str, label: str) -> None:
    arguments = ("params", *options.split())
    assert convcli(*arguments, "-o", "net.svg").all == (0, "net.svg\n", "")
    text = (in_folder / "net.svg").read_text()
    assert boxes(text) == [label]
    assert f"\nparams {int(convcli(*arguments).out):,}, 100% of all\n" in text
    record = json.loads(convcli(*arguments, "-o", "two.html", "--json").out)
    assert record["diagram"] == "two.html"


def test_a_single_layer_on_a_terminal(in_folder: Path) -> None:
    ran = on_terminal("params", "--n", "32x32x3", "--f", "5", "--c-out", "6", "-o", "net.svg")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("(f·f·c_in + 1)·c_out = (5·5·3 + 1)·6 = 456\n")
    assert ran.out.splitlines()[-1].split() == ["written", "net.svg"]
    assert (in_folder / "net.svg").exists()


def test_titles_of_files_of_typed_layers_and_of_standard_input(
    convcli: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def title(network: str) -> str | None:
        return ElementTree.fromstring(convcli("params", network, "-o", "-").out).findtext(f"{SVG}title")

    (in_folder / "my <b> & net.net").write_text("in 9x9x3\nconv 3 f1 # <script>")
    assert title("my <b> & net.net") == "my <b> & net.net"
    assert title("in 9x9x3\n conv 3   f1") == "in 9x9x3 conv 3 f1"
    with (in_folder / "my <b> & net.net").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert title("-") == "standard input"


def test_checks_are_made_as_without_it(convcli: Runner, in_folder: Path) -> None:
    assert convcli("params", "lenet5", "-o", "net.svg", "--max-params", "62k").all == (0, "net.svg\n", "")
    ran = convcli("params", "lenet5", "-o", "two.svg", "--max-params", "61k")
    assert (ran.code, ran.out) == (1, "two.svg\n")
    assert ran.err.count("\n") == 1
    assert (in_folder / "two.svg").exists()


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (("lenet5", "-o", "net.png"), "net.png: a diagram must be saved as .svg, .html or .htm"),
        (("lenet5", "-o", "svg"), "svg: a diagram must be saved as .svg, .html or .htm"),
        (("lenet5", "--against", "vgg11", "-o", "net.svg"), "-o: cannot be combined with --against"),
        (
            ("lenet5", "--n", "32", "--n", "40", "-o", "net.svg"),
            "-o: cannot be combined with two sizes of --n",
        ),
        (("--list", "-o", "net.svg"), "-o: cannot be combined with --list"),
        (
            ("--f", "5", "--c-in", "3", "--c-out", "6", "-o", "net.svg"),
            "-o: a diagram needs the input size: --n",
        ),
        (
            ("9 x { 999 x { relu } }", "--n", "9x9x3", "-o", "net.svg", "--repeats", "all"),
            "a diagram of 8,991 boxes: is too large: at most 5,000",
        ),
        (("conv 6 f99", "--n", "9x9x3", "-o", "net.svg"), "line 1, column 1, conv 6 f99 on 9x9x3: "),
        (("relux", "-o", "net.svg"), "line 1, column 1: "),
    ],
)
def test_refused(convcli: Runner, in_folder: Path, arguments: tuple[str, ...], start: str) -> None:
    with nothing_changes(in_folder):
        assert_refused(convcli("params", *arguments), start)


def test_what_exists_is_replaced_by_force_alone(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "net.svg").write_text("mine")
    with nothing_changes(in_folder):
        ran = convcli("params", "lenet5", "-o", "net.svg")
        assert_failed(ran, 1, "net.svg: exists; use --force to overwrite it")
    assert convcli("params", "lenet5", "-o", "net.svg", "--force").all == (0, "net.svg\n", "")
    assert len(boxes((in_folder / "net.svg").read_text())) == 12


def test_the_network_is_never_overwritten(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "my.net").write_text("in 9x9x3\nconv 3 f1\n")
    (in_folder / "net.svg").symlink_to("my.net")
    (in_folder / "net.html").hardlink_to(in_folder / "my.net")
    with nothing_changes(in_folder):
        for target in ("net.svg", "net.html"):
            ran = convcli("params", "my.net", "-o", target, "--force")
            assert_failed(ran, 1, f"{target}: is an input, and inputs are never overwritten")


def test_a_folder_that_is_not_there(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        assert_failed(convcli("params", "lenet5", "-o", "no/net.svg"), 1, "no/net.svg: there is no folder ")
        assert_failed(convcli("params", "lenet5", "-o", "net.svg/"), 1, "net.svg/: is a folder")


# Repeats --------------------------------------------------------------------------------------------------

REPEATED = "in 9x9x4, conv 8 f1, 6 x { conv 8 f3 p1, relu }"


@pytest.mark.parametrize(
    ("options", "count"), [((), 13), (("--repeats", "all"), 13), (("--repeats", "once"), 3)]
)
def test_repeats_are_drawn_once_or_all(
    convcli: Runner, in_folder: Path, options: tuple[str, ...], count: int
) -> None:
    assert convcli("params", REPEATED, "-o", "net.html", *options).code == 0
    text = (in_folder / "net.html").read_text("utf-8")
    assert (text.count('<tr id="row-'), text.count('id="layer-')) == (count, count + 1)
    assert ("conv 8 f3 p1 · 6 x" in text) == ("repeated 6 times" in text) == (count == 3)
    assert "3,544" in text  # parameters of all layers


def test_repeats_of_large_networks_are_drawn_once(convcli: Runner, in_folder: Path) -> None:
    text = "in 9x9x4, 301 x { relu }"
    for options, count in ((), 1), (("--repeats", "all"), 301):
        assert convcli("params", text, "-o", "net.svg", "--force", *options).code == 0
        assert len(boxes((in_folder / "net.svg").read_text())) == count


def test_repeats_need_a_drawing(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        assert_refused(convcli("params", REPEATED, "--repeats", "once"), "--repeats: needs a network and -o")
        ran = convcli("params", REPEATED, "-o", "net.svg", "--repeats", "twice")
        assert_refused(ran, "repeats 'twice'")
        ran = convcli("params", REPEATED, "-o", "net.svg", "--repeats", "once", "--by-block")
        assert_refused(ran, "--by-block: cannot be combined with --repeats")


def test_a_model_file_is_drawn(convcli: Runner, in_folder: Path) -> None:
    model = Path(__file__).parents[1] / "data" / "models" / "resnet18.ts.onnx"
    assert convcli("params", model, "-o", "net.html").code == 0
    page = (in_folder / "net.html").read_text("utf-8")
    assert page.count('<tr id="row-') == 49
    assert convcli("params", model, "-o", "net.svg", "--by-block").code == 0
    assert len(boxes((in_folder / "net.svg").read_text())) < 20
