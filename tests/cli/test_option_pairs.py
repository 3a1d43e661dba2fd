"""No option silently overrides another: each pair of options works together, or is refused.

Options work together if the run with both differs from the runs with one of them.
"""

import os
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from shutil import copyfile
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
from PIL import Image

from convcli.cli.app import CommandGroup
from tests.support.command_line import Ran, Runner

MODIFIED = 981_173_106


class Use(NamedTuple):
    """How an option is used: its words, and other words without which it has no effect."""

    words: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...] = ()


def use(*words: str, needs: tuple[tuple[str, ...], ...] = ()) -> Use:
    return Use(words, needs)


BATCH = {
    "--output": use("-o", "out.png"),
    "--out-dir": use("--out-dir", "folder"),
    "--name": use("--name", "new-{stem}-{filter}.{ext}"),
    "--format": use("--format", "tiff"),
    "--png-level": use("--png-level", "0"),
    "--keep-time": use("--keep-time"),
    "--frame": use("--frame", "1"),
    "--background": use("--background", "white"),
    "--nan": use("--nan", "ignore", needs=(("nan.tif",),)),
    "--recursive": use("--recursive", needs=(("pictures",), ("--out-dir", "made"))),
    "--files0-from": use("--files0-from", "list"),
    "--preview": use("--preview"),
    "--preview-as": use("--preview-as", "ascii"),
    "--json": use("--json"),
    "--text": use("--text"),
    "--force": use("--force"),
    "--shard": use("--shard", "1/1"),
    "--skip-existing": use("--skip-existing"),
    "--jobs": use("--jobs", "1"),
    "--dask": use("--dask", "local:1"),
    "--max-pixels": use("--max-pixels", "1M"),
    "--max-memory": use("--max-memory", "1G"),
    "--by-tiles": use("--by-tiles"),
    "--level": use("--level", "1", needs=(("levels.tif",),)),
    "--region": use("--region", "1,1,6x5"),
    "--pyramid": use("--pyramid"),
}
BANK = ("--bank", "gabor:2,phase=60,wavelength=3,size=3")
VOLUME = ("--kernel", "@weights.npy")
NET = ("2x { conv 6 f3 p1 }, maxpool f2",)
USES: dict[str, dict[str, Use]] = {
    "apply": {
        **BATCH,
        "--filter": use("--filter", "gabor:phase=30,wavelength=4,sigma=0.5"),
        "--kernel": use("--kernel", "1 2 -4"),
        "--order": use("--order", "oihw", needs=(VOLUME,)),
        "--bank": use("--bank", "sobel:3"),
        "--combine": use("--combine", "max", needs=(BANK,)),
        "--angle": use("--angle", "30"),
        "--size": use("--size", "5"),
        "--padding": use("-p", "valid"),
        "--border": use("--border", "zero"),
        "--stride": use("-s", "2"),
        "--dilation": use("-d", "2"),
        "--flip": use("--flip"),
        "--channels": use("--channels", "g"),
        "--signed": use("--signed", "center"),
        "--scale": use("--scale", "2"),
        "--bias": use("--bias", "9"),
        "--relu": use("--relu"),
        "--alpha": use("--alpha", "filter"),
        "--sheet": use("--sheet", "sheet.png"),
        "--direction": use("--direction", "direction.png", needs=(("--filter", "sobel"),)),
    },
    "pool": {
        **BATCH,
        "--mode": use("--mode", "avg"),
        "--alpha": use("--alpha", "straight"),
        "--filter-size": use("-f", "3"),
        "--stride": use("-s", "4"),
        "--padding": use("-p", "1:0x1:0"),
        "--ceil": use("--ceil"),
        "--input-size": use("-n", "9"),
    },
    "explain": {
        "--filter": use("--filter", "prewitt-x"),
        "--kernel": use("--kernel", "1 2 -4"),
        "--order": use("--order", "oihw", needs=(VOLUME, ("--map", "2"))),
        "--map": use("--map", "1", needs=(VOLUME,)),
        "--at": use("--at", "2,1"),
        "--channels": use("--channels", "g"),
        "--angle": use("--angle", "30"),
        "--size": use("--size", "5"),
        "--padding": use("-p", "6"),
        "--border": use("--border", "zero"),
        "--stride": use("-s", "2"),
        "--dilation": use("-d", "2"),
        "--input-size": use("-n", "11"),
        "--filter-size": use("-f", "5"),
        "--flip": use("--flip"),
        "--signed": use("--signed", "center"),
        "--bias": use("--bias", "9"),
        "--relu": use("--relu"),
        "--pool": use("--pool", "max"),
        "--reads": use("--reads"),
        "--shift": use("--shift", "1"),
        "--output": use("-o", "window.svg"),
        "--animate": use("--animate", "moving.svg"),
        "--seconds": use("--seconds", "1", needs=(("--animate", "moving.svg"),)),
        "--force": use("--force"),
        "--max-pixels": use("--max-pixels", "1M"),
        "--max-memory": use("--max-memory", "1G"),
        "--frame": use("--frame", "1"),
        "--json": use("--json"),
        "--text": use("--text"),
    },
    "learn": {
        "--filter-size": use("-f", "2"),
        "--output": use("-o", "kernel.json"),
        "--bias": use("--bias"),
        "--abs": use("--abs"),
        "--channels": use("--channels", "g"),
        "--optimizer": use("--optimizer", "sgd"),
        "--steps": use("--steps", "7"),
        "--lr": use("--lr", "0.3"),
        "--seed": use("--seed", "5"),
        "--closed-form": use("--closed-form"),
        "--curve": use("--curve", "curve.png"),
        "--force": use("--force"),
        "--max-pixels": use("--max-pixels", "1M"),
        "--max-memory": use("--max-memory", "1G"),
        "--preview": use("--preview"),
        "--preview-as": use("--preview-as", "ascii"),
        "--json": use("--json"),
        "--text": use("--text"),
    },
    "shape": {
        "--input-size": use("-n", "40"),
        "--filter-size": use("-f", "7"),
        "--padding": use("-p", "1"),
        "--stride": use("-s", "2"),
        "--dilation": use("-d", "2"),
        "--ceil": use("--ceil"),
        "--c-out": use("--c-out", "4"),
        "--want": use("--want", "11"),
        "--last": use("--last", needs=(NET,)),
        "--by-block": use("--by-block", needs=(NET,)),
        "--depth": use("--depth", "1", needs=(NET,)),
        "--expect": use("--expect", "99"),
        "--valid-sizes": use("--valid-sizes", "30..40", needs=(NET,)),
        "--ignore-unread-by": use("--ignore-unread-by", "2", needs=(("--valid-sizes", "30..40"), NET)),
        "--smallest": use("--smallest", needs=(NET,)),
        "--csv": use("--csv"),
        "--md": use("--md"),
        "--json": use("--json"),
        "--text": use("--text"),
    },
    "params": {
        "--filter-size": use("-f", "7"),
        "--c-in": use("--c-in", "4"),
        "--c-out": use("--c-out", "8"),
        "--input-size": use("-n", "40x40x2"),
        "--padding": use("-p", "1"),
        "--stride": use("-s", "2"),
        "--dilation": use("-d", "2"),
        "--groups": use("--g", "2"),
        "--no-bias": use("--no-bias"),
        "--dense": use("--dense", "7"),
        "--list": use("--list"),
        "--against": use("--against", "conv 5 f5", needs=(NET,)),
        "--versus-dense": use("--versus-dense", needs=(NET,)),
        "--by-block": use("--by-block", needs=(NET,)),
        "--depth": use("--depth", "1", needs=(NET,)),
        "--batch": use("--batch", "3"),
        "--dtype": use("--dtype", "fp16"),
        "--train": use("--train", needs=(NET,)),
        "--optimizer": use("--optimizer", "adam", needs=(("--train",), NET)),
        "--traffic": use("--traffic", needs=(NET,)),
        "--device": use("--device", "1T,1G", needs=(NET,)),
        "--weights": use("--weights", "tiny.safetensors", needs=(NET,)),
        "--as-net": use("--as-net", needs=(NET,)),
        "--repeats": use("--repeats", "once", needs=(NET, ("-o", "net.html"))),
        "--max-params": use("--max-params", "10"),
        "--expect": use("--expect", "99"),
        "--output": use("-o", "net.html"),
        "--force": use("--force"),
        "--csv": use("--csv"),
        "--md": use("--md"),
        "--json": use("--json"),
        "--text": use("--text"),
    },
    "filters": {
        "--angle": use("--angle", "30"),
        "--size": use("--size", "5"),
        "--output": use("-o", "kernel.npy"),
        "--tuning": use("--tuning"),
        "--preview": use("--preview"),
        "--preview-as": use("--preview-as", "ascii"),
        "--force": use("--force"),
        "--json": use("--json"),
        "--text": use("--text"),
    },
    "lesson": {
        "--answers": use("--answers"),
        "--force": use("--force"),
        "--json": use("--json"),
        "--text": use("--text"),
    },
}


REFUSED = {  # each option, and those that it cannot be combined with
    "apply": """
--output: --out-dir --name --format --recursive --skip-existing --by-tiles --pyramid
--by-tiles: --png-level --preview --preview-as --sheet --direction
--pyramid: --png-level --preview --preview-as --sheet --direction
--level: --files0-from
--format: --png-level
--png-level: --order --bank
--background: --alpha
--nan: --files0-from
--recursive: --files0-from
--json: --text
--force: --skip-existing
--filter: --direction
--kernel: --order --angle --size --direction
--order: --angle --size --channels --alpha --direction
--bank: --angle --size --alpha --direction
--combine: --angle --size --direction
--angle: --direction
--signed: --direction
--scale: --direction
--bias: --direction
--relu: --direction
--alpha: --direction
--dask: --jobs --preview --preview-as
""",
    "pool": """
--output: --out-dir --name --format --recursive --skip-existing --input-size --by-tiles --pyramid
--by-tiles: --png-level --preview --preview-as --input-size
--pyramid: --png-level --preview --preview-as --input-size
--level: --files0-from --input-size
--region: --input-size
--out-dir: --input-size
--name: --input-size
--format: --png-level --input-size
--png-level: --input-size
--keep-time: --input-size
--frame: --input-size
--background: --alpha --input-size
--nan: --files0-from --input-size
--recursive: --files0-from --input-size
--files0-from: --input-size
--preview: --input-size
--preview-as: --input-size
--json: --text
--force: --skip-existing --input-size
--skip-existing: --input-size
--jobs: --input-size
--shard: --input-size
--dask: --jobs --preview --preview-as --input-size
--max-pixels: --input-size
--max-memory: --input-size
--alpha: --input-size
""",
    "explain": """
--filter: --kernel --order --map --input-size --filter-size --pool --reads
--kernel: --order --map --angle --size --input-size --filter-size --pool --reads
--order: --channels --angle --size --input-size --filter-size --pool --reads
--map: --channels --angle --size --input-size --filter-size --pool --reads
--at: --reads --shift
--channels: --input-size --filter-size --reads
--angle: --input-size --filter-size --pool --reads
--size: --input-size --filter-size --pool --reads
--padding: --pool --shift
--border: --input-size --filter-size --pool --reads --shift
--dilation: --pool
--input-size: --flip --signed --bias --relu --shift --max-pixels --max-memory --frame
--filter-size: --flip --signed --bias --relu --shift --max-pixels --max-memory --frame
--flip: --pool --reads
--signed: --pool --reads
--bias: --pool --reads
--relu: --pool --reads
--reads: --shift --animate --seconds --max-pixels --max-memory --frame
--shift: --output --animate --seconds
--json: --text
""",
    "learn": """
--optimizer: --closed-form
--steps: --closed-form
--lr: --closed-form
--closed-form: --curve
--json: --text
""",
    "shape": """
--filter-size: --last --by-block --valid-sizes --smallest --ignore-unread-by
--padding: --last --by-block --valid-sizes --smallest --ignore-unread-by
--stride: --want --last --by-block --valid-sizes --smallest --ignore-unread-by
--dilation: --last --by-block --valid-sizes --smallest --ignore-unread-by
--ceil: --want --last --by-block --valid-sizes --smallest --ignore-unread-by
--c-out: --want --last --by-block --valid-sizes --smallest --ignore-unread-by
--want: --last --by-block --expect --valid-sizes --smallest --csv --md --ignore-unread-by
--last: --by-block --valid-sizes --smallest --csv --md --ignore-unread-by
--by-block: --valid-sizes --smallest --ignore-unread-by
--expect: --valid-sizes --smallest --ignore-unread-by
--valid-sizes: --smallest --csv --md
--ignore-unread-by: --smallest --csv --md
--smallest: --csv --md
--depth: --filter-size --padding --stride --dilation --ceil --c-out --want --last --by-block --valid-sizes --smallest --ignore-unread-by
--csv: --md --json --text
--md: --json --text
--json: --text
""",
    "params": """
--filter-size: --dense --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--c-in: --input-size --dense --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--c-out: --dense --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--input-size: --list
--padding: --dense --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--stride: --dense --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--dilation: --dense --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--groups: --dense --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--no-bias: --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--dense: --list --against --versus-dense --by-block --train --optimizer --traffic --device --as-net --repeats
--list: --against --versus-dense --by-block --batch --dtype --max-params --expect --output --train --optimizer --traffic --device --as-net --repeats
--against: --versus-dense --batch --dtype --output --train --optimizer --traffic --device --as-net --repeats
--versus-dense: --train --optimizer --traffic --device --as-net
--train: --traffic --device --output --as-net --repeats
--optimizer: --traffic --device --output --as-net --repeats
--traffic: --output --as-net --repeats
--device: --output --as-net --repeats
--csv: --md --json --text
--md: --json --text
--json: --text
--batch: --as-net
--by-block: --as-net --repeats
--dtype: --as-net
--as-net: --output --csv --md --json --text --repeats
--depth: --filter-size --c-in --c-out --padding --stride --dilation --groups --no-bias --dense --list --by-block --as-net
--weights: --filter-size --c-in --c-out --padding --stride --dilation --groups --no-bias --dense --list --against --versus-dense --train --optimizer --traffic --device --csv --md --batch --by-block --dtype --as-net --depth --output --repeats
""",
    "filters": """
--output: --tuning
--tuning: --preview --preview-as
--json: --text
""",
    "lesson": """
--answers: --force --json
--json: --force --text
""",
}

PREVIEW = {
    ("--preview-as", "--preview"): "a pipe shows no preview",
    ("--preview", "--preview-as"): "--preview-as implies it",
}
FLOATS = {("--format", "--nan"): "a picture of floats gives a TIFF anyway"}
NATURAL: dict[str, dict[tuple[str, str], str]] = {  # no effect of the first beside the second, and why
    "apply": PREVIEW
    | FLOATS
    | {
        ("--relu", "--combine"): "a combined value is never negative",
        ("--border", "--padding"): "without padding there is nothing to fill",
    },
    "pool": PREVIEW | FLOATS | {("--mode", "--input-size"): "both modes give this size"},
    "explain": {
        ("--animate", "--seconds"): "--seconds is used with it",
        ("--stride", "--pool"): "the window, 2x2, is the default",
        ("--flip", "--shift"): "a derivative that is turned gives the negative result",
    },
    "learn": PREVIEW | {("--seed", "--closed-form"): "without --abs, nothing is random"},
    "shape": {
        ("--input-size", "--valid-sizes"): "it gives only the channels",
        ("--input-size", "--smallest"): "it gives only the channels",
        ("--input-size", "--ignore-unread-by"): "it gives only the channels",
        ("--valid-sizes", "--ignore-unread-by"): "it is used with it",
    },
    "params": {
        (option, form): "it applies to what is below the table"
        for option in ("--batch", "--dtype")
        for form in ("--csv", "--md")
    }
    | {
        ("--traffic", "--device"): "--device implies it",
        ("--train", "--optimizer"): "it is used with it",
        ("--output", "--repeats"): "it is used with it",
    },
    "filters": PREVIEW | {("--text", "--output"): "the name of the file is printed"},
    "lesson": {("--text", "--answers"): "steps are shown as on a terminal, wherever they go"},
}
# Without an effect on these files, by what they are for; --json is added to the lines of some commands.
UNSEEN = (
    "--force", "--shard", "--skip-existing", "--jobs", "--dask", "--max-pixels", "--max-memory", "--by-tiles",
    "--pyramid",
)  # fmt: skip
WITH_JSON = ("explain", "learn", "shape", "params")


def command_options(command: str) -> list[str]:
    """Return the long name of every option of a command, as Typer has them."""
    parameters = CommandGroup().get_command(None, command).params
    return [max(option.opts, key=len) for option in parameters if option.param_type_name == "option"]


GABOR = "gabor:phase=60,wavelength=3,sigma=0.5"


def pictures(words: tuple[str, ...]) -> tuple[str, ...]:
    return () if {"--files0-from", "pictures", "nan.tif", "levels.tif"} & {*words} else ("photo.tif",)


def apply_line(words: tuple[str, ...]) -> tuple[str, ...]:
    chosen = {"--filter", "--kernel", "--bank"} & {*words}
    return ("apply", *pictures(words), *words, *(() if chosen else ("--filter", GABOR)))


def with_json(line: tuple[str, ...]) -> tuple[str, ...]:
    """Add --json, whose answers are complete, unless the form of the answer is chosen."""
    return line if {"--json", "--text", "--csv", "--md", "--as-net"} & {*line} else (*line, "--json")


def with_defaults(words: tuple[str, ...], **defaults: str) -> tuple[str, ...]:
    missing = [
        (f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}", value)
        for name, value in defaults.items()
    ]
    return (*words, *(word for name, value in missing if name not in words for word in (name, value)))


def explain_line(words: tuple[str, ...]) -> tuple[str, ...]:
    is_pooling_of_picture = "--pool" in words and "-n" not in words and "--reads" not in words
    if {"-n", "-f", "--reads"} & {*words} and not is_pooling_of_picture:
        return with_json(("explain", *with_defaults(words, n="9", f="3")))
    chosen = {"--filter", "--kernel", "--pool"} & {*words}
    if {"-o", "--animate"} & {*words} and VOLUME[1] not in words:  # a drawing shows one channel
        words = with_defaults(words, channels="b")
    default = "sobel-x" if "--shift" in words else GABOR
    return with_json(("explain", "photo.tif", *words, *(() if chosen else ("--filter", default))))


def learn_line(words: tuple[str, ...]) -> tuple[str, ...]:
    words = words if "--closed-form" in words else with_defaults(words, steps="3")
    return with_json(("learn", "large.npy", "target.npy", *words))


def shape_line(words: tuple[str, ...]) -> tuple[str, ...]:
    words = words if {"--valid-sizes", "--smallest"} & {*words} else with_defaults(words, n="33x33x3")
    return with_json(("shape", *(words if NET[0] in words else with_defaults(words, f="3"))))


def params_line(words: tuple[str, ...]) -> tuple[str, ...]:
    if "--list" in words:
        return ("params", *words)
    if NET[0] in words or "--dense" in words:
        return with_json(("params", *with_defaults(words, n="20x20x2")))
    return with_json(("params", *with_defaults(words, n="20x20", f="3", c_in="2", c_out="2")))


LINES: dict[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    "apply": apply_line,
    "pool": lambda words: ("pool", *(() if "-n" in words else pictures(words)), *words),
    "explain": explain_line,
    "learn": learn_line,
    "shape": shape_line,
    "params": params_line,
    "filters": lambda words: ("filters", "sobel-x", *words),
    "lesson": lambda words: ("lesson", "14", *words),
}


@pytest.fixture
def folder(in_folder: Path) -> Path:
    random = np.random.default_rng(2)
    colors = random.integers(0, 256, (2, 9, 8, 4), np.uint8)
    colors[:, ::2, ::3, 3] = 0
    pages = [Image.fromarray(page) for page in colors]
    pages[0].save("photo.tif", save_all=True, append_images=pages[1:])
    Path("pictures").mkdir()
    pages[1].save("pictures/other.tif", save_all=True, append_images=pages[:1])
    Path("list").write_bytes(b"pictures/other.tif")
    holed = random.random((2, 9, 8, 4), np.float32)
    holed[:, 4, 4, 1], holed[:, ::2, ::3, 3] = np.nan, 0
    tifffile.imwrite("nan.tif", holed, photometric="rgb", extrasamples=["unassalpha"])
    with tifffile.TiffWriter("levels.tif") as writer:
        for page, smaller in zip(colors, (1, 0), strict=True):
            writer.write(
                page, photometric="rgb", extrasamples=["unassalpha"], metadata=None, subifds=smaller,
                subfiletype=1 - smaller,
            )  # fmt: skip
    np.save("weights.npy", random.standard_normal((3, 3, 3, 3)) / 50)
    copyfile(Path(__file__).parents[1] / "data/models/tiny.safetensors", "tiny.safetensors")
    np.save("large.npy", random.standard_normal((16, 17, 3)))
    np.save("target.npy", random.random((16, 17)))
    for path in in_folder.rglob("*.*"):
        os.utime(path, (MODIFIED, MODIFIED))
    return in_folder


class Seen(NamedTuple):
    """What a run printed and wrote."""

    ran: Ran
    files: dict[str, tuple[bytes, bool]]


def observe(convcli: Runner, folder: Path, line: tuple[str, ...]) -> Seen:
    """Run a command line in the folder, and clean up."""
    before = set(folder.rglob("*"))
    ran = convcli(*line)
    made = sorted(path for path in folder.rglob("*") if path not in before)
    files = {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime == MODIFIED)
        for path in made
        if path.is_file()
    }
    for path in reversed(made):
        path.rmdir() if path.is_dir() else path.unlink()
    out = re.sub(r'"seconds": [\d.e-]+', "", ran.out)
    return Seen(Ran(ran.code, out, ran.err), files)


def words_of(*uses: Use) -> tuple[str, ...]:
    """Return the words of options, and what they need unless it is there."""
    words = [word for used in uses for word in used.words]
    for group in (group for used in uses for group in used.needs):
        words += group if group[0] not in words else ()
    return tuple(words)


def refused(command: str) -> set[frozenset[str]]:
    rows = [line.partition(":") for line in REFUSED[command].strip().splitlines()]
    return {frozenset((one.strip(), other)) for one, _, others in rows for other in others.split()}


@pytest.mark.parametrize("command", USES)
def test_every_option_is_in_the_table(command: str) -> None:
    assert set(USES[command]) == set(command_options(command))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", USES)
def test_these_pairs_are_refused(convcli: Runner, command: str) -> None:
    uses = USES[command]
    for one, other in map(sorted, refused(command)):
        ran = convcli(*LINES[command](words_of(uses[one], uses[other])))
        assert (ran.code, ran.out) == (2, ""), (one, other, ran)


@pytest.mark.thorough
@pytest.mark.parametrize("command", USES)
def test_both_options_of_all_other_pairs_have_an_effect(convcli: Runner, folder: Path, command: str) -> None:
    seen: dict[tuple[str, ...], Seen] = {}

    def run(words: tuple[str, ...]) -> Seen:
        line = LINES[command](words)
        if line not in seen:
            seen[line] = observe(convcli, folder, line)
        return seen[line]

    unseen = {*UNSEEN, *(("--json",) if command in WITH_JSON else ())}
    uses = {name: used for name, used in USES[command].items() if name not in unseen}
    silent = set()
    for one, other in combinations(uses, 2):
        both = run(words_of(uses[one], uses[other]))
        if frozenset((one, other)) in refused(command):
            continue
        assert both.ran.code != 2, (one, other, both.ran.err)
        if both.ran.code:  # the line says what does not fit this picture
            continue
        for present, absent in ((one, other), (other, one)):
            alone = run(words_of(uses[present], uses[absent]._replace(words=())))
            silent |= {(absent, present)} if alone == both else set()
    assert silent == NATURAL.get(command, {}).keys()
