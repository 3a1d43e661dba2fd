"""Free memory, read from system files that are recreated in a folder, and the limits on pictures."""

import resource
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.compiled.engine import is_compiled
from convcli.errors import ImageError
from convcli.pictures.limits import DEFAULT_LIMITS, Limits, Size, free_memory
from tests.support.command_line import Runner, assert_failed

MEBIBYTE = 1 << 20

IN_PARTS = ", or write a .tif or .zarr, which is done in parts, or read less with --region or --level"


def system(root: Path, **files: str) -> Path:
    """Lay out files of a system; two underscores part folders, and points are written as they are."""
    for name, text in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


AVAILABLE = (
    "MemTotal:       2000 kB\nMemFree:          10 kB\nMemAvailable:   1000 kB\nHugePages_Total:   0\n"
)


def test_available_memory_of_the_machine(tmp_path: Path) -> None:
    assert free_memory(system(tmp_path, proc__meminfo=AVAILABLE)) == 1_024_000


def test_an_unknown_machine_has_its_memory_at_most(tmp_path: Path) -> None:
    pages, page = (int(line) for line in (Path("/proc/meminfo").read_text().split()[1], 1024))
    assert free_memory(tmp_path) == pytest.approx(pages * page, rel=0.01)


@pytest.mark.parametrize(
    ("limits", "free"),
    [
        ({"": (900_000, 500_000, 0)}, 400_000),
        ({"": ("max", 500_000, 0), "a": (900_000, 500_000, 100_000)}, 500_000),
        ({"": (700_000, 600_000, 0), "a": ("max", 5, 5), "a/b": (900_000, 500_000, 0)}, 100_000),
        ({"a/b": (500_000, 600_000, 0)}, 0),
        ({"a/b": ("max", 600_000, 0)}, 1_024_000),
        ({"": (9e8, 5, 0), "elsewhere": (10, 0, 0)}, 1_024_000),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_control_group_and_those_above_it_have_a_say(
    tmp_path: Path, version: int, limits: dict[str, tuple[int | str, int, int]], free: int
) -> None:
    files = {
        1: ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    }
    base, limit, used, cache = files[version]
    groups = "0::/a/b\n" if version == 2 else "5:cpu,cpuacct:/elsewhere\n4:memory:/a/b\n"
    system(tmp_path, proc__meminfo=AVAILABLE, proc__self__cgroup=groups)
    for group, (most, now, files_in_cache) in limits.items():
        folder = tmp_path / base / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / limit).write_text(f"{most if isinstance(most, str) else int(most)}\n")
        (folder / used).write_text(f"{now}\n")
        (folder / "memory.stat").write_text(f"anon 7\n{cache} {files_in_cache}\n")
    assert free_memory(tmp_path) == free


def test_the_limit_of_address_space_has_a_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (3_000_000, resource.RLIM_INFINITY))
    pages = 2_500_000 // resource.getpagesize()
    root = system(tmp_path, proc__meminfo=AVAILABLE, proc__self__statm=f"{pages} 1 1 1 0 1 0\n")
    assert free_memory(root) == 3_000_000 - pages * resource.getpagesize()


def test_this_machine_says_something() -> None:
    free = free_memory()
    assert free is not None
    assert 0 < free < 1 << 50


# What is refused ------------------------------------------------------------------------------------------


def test_results_count_unless_decoding_takes_more() -> None:
    def results(size: Size, itemsize: int, numbers: bool) -> int:
        assert (size, itemsize, numbers) == ((10, 20, 3), 2, True)
        return 5000

    limits = Limits(memory=6199, result_bytes=results)
    with pytest.raises(ImageError, match=r"^x: needs about 6\.2 kB of memory but may use only 6\.2 kB"):
        limits.check("x", (10, 20, 3), 2, decoder_bytes=200, numbers=True)
    Limits(memory=6200, result_bytes=results).check("x", (10, 20, 3), 2, decoder_bytes=5000, numbers=True)
    with pytest.raises(ImageError, match="needs"):
        Limits(memory=6200, result_bytes=results).check("x", (10, 20, 3), 2, decoder_bytes=5001, numbers=True)


def test_memory_is_shared() -> None:
    Limits(memory=3000, processes=3).check_bytes("x", 1000)
    with pytest.raises(
        ImageError, match="as one of 3 processes; use -j 1 or raise the limit with --max-memory"
    ):
        Limits(memory=3000, processes=3).check_bytes("x", 1001)
    free = free_memory()
    assert free is not None
    with pytest.raises(ImageError, match="raise the limit with --max-memory"):
        DEFAULT_LIMITS.check_bytes("x", 2 * free)


@pytest.mark.parametrize("name", ["x.png", "x.npy", "x.csv"])
@pytest.mark.parametrize("command", [("apply", "--filter", "box"), ("pool",)])
def test_a_picture_for_which_there_is_no_room(
    convcli: Runner, in_folder: Path, name: str, command: tuple[str, ...]
) -> None:
    pixels = np.full((40, 50), 7, np.uint8)
    if name == "x.csv":
        (in_folder / name).write_text("\n".join([" ".join(["7"] * 50)] * 40))
    elif name == "x.npy":
        np.save(in_folder / name, pixels)
    else:
        Image.fromarray(pixels).save(in_folder / name)
    first, *options = command
    ran = convcli(first, name, *options, "--max-memory", "1k")
    assert_failed(ran, 1, f"{name}: needs about ")
    hint = IN_PARTS if name == "x.npy" else ""
    assert ran.err.endswith(f"kB of memory but may use only 1 kB; raise the limit with --max-memory{hint}\n")
    assert [path.name for path in in_folder.iterdir()] == [name]
    assert convcli(first, name, *options, "--max-memory", "0.2M", "-o", "x.tiff").all == (0, "x.tiff\n", "")


@pytest.mark.parametrize(
    ("mode", "by_core", "by_numpy"), [("max", "625 kB", "1.62 MB"), ("avg", "1.5 MB", "4.5 MB")]
)
def test_room_for_exact_means_is_that_of_float64(
    convcli: Runner, in_folder: Path, mode: str, by_core: str, by_numpy: str
) -> None:
    # 0.5 MB; 125,000 results; in numpy 1 MB of strips, 3 with sums.
    needed = by_core if is_compiled() else by_numpy
    np.save(in_folder / "x.npy", np.ones((500, 1000), np.int8))
    ran = convcli("pool", "x.npy", "--mode", mode, "--max-memory", "1k", "-j", 1, "-o", "y.npy")
    why = f"needs about {needed} of memory but may use only 1 kB; raise the limit with --max-memory"
    assert ran.all == (1, "", f"convcli: x.npy: {why}{IN_PARTS}\n")


@pytest.mark.parametrize("options", [("--filter", "box"), ("--bank", "sobel:4"), ("--kernel", "1 2; 3 4")])
def test_padding_that_makes_more_than_there_is_room_for(
    convcli: Runner, in_folder: Path, options: tuple[str, ...]
) -> None:
    Image.new("L", (3, 3)).save(in_folder / "x.png")
    ran = convcli("apply", "x.png", *options, "--p", 10**9)
    assert_failed(ran, 1, "x.png: ")
    assert "needs about" in ran.err or "enlarges a 3x3 image to 4000000012000000009 pixels" in ran.err
    assert [path.name for path in in_folder.iterdir()] == ["x.png"]
