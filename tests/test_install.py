"""README's first command, on a system with a C compiler and on one without."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import convcli
from tests.test_wheel import NOT_COPIED, ROOT

SYSTEM_PROGRAMS = ("sh", "env", "uname", "dirname", "basename")


def first_command() -> str:
    """Return the command in README that installs convcli and filters a picture."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    return next(line for line in lines if line.startswith("python3 -m venv"))


def path_without_compiler(folder: Path) -> str:
    """Make a folder of programs that has Python and no compiler."""
    folder.mkdir()
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    for name in SYSTEM_PROGRAMS:
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="README's command is written for a POSIX shell")
@pytest.mark.parametrize("has_compiler", [True, False], ids=["with a compiler", "without a compiler"])
def test_the_first_command_works(tmp_path: Path, has_compiler: bool) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT, project, ignore=NOT_COPIED)
    log = tmp_path / "pip.log"
    hidden = ("CC", "CONVCLI_PURE", "PYTHONPATH", "VIRTUAL_ENV")
    variables = {name: value for name, value in os.environ.items() if name not in hidden} | {
        "PIP_LOG": str(log)
    }
    if not has_compiler:
        variables["PATH"] = path_without_compiler(tmp_path / "programs")
    command = f"{first_command()} && convcli --version"
    ran = subprocess.run(
        ["sh", "-c", command], cwd=project, env=variables, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    picture, version, engine = ran.stdout.splitlines()[-3:]  # after what pip prints
    assert picture == "chelsea-sobel-x.png"
    assert version == f"convcli {convcli.__version__}"
    assert engine.startswith("engine: compiled (" if has_compiler else "engine: numpy")
    assert log.read_text("utf-8").count("the compiled core was not built") == (not has_compiler)

    cat = convcli.read_image(project / "sample_images" / "chelsea.png")
    expected = np.abs(convcli.convolve(cat, convcli.kernel("sobel-x"), border="edge")).clip(0, 255)
    assert np.array_equal(convcli.read_image(project / picture), expected)
