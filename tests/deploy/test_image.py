"""The image is built from what the repository holds: pinned, hashed, warmed up, and run by a user of no rights."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml


@pytest.fixture(scope="module")
def instructions(deploy: Path) -> list[tuple[str, str]]:
    """The Dockerfile as pairs of a word and its arguments, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (deploy / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(word, " ".join(rest.split())) for word, rest in lines]


def arguments_of(instructions: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for found, rest in instructions if found == word]


def test_everything_copied_exists_and_reaches_the_builder(
    instructions: list[tuple[str, str]], repository: Path, deploy: Path
) -> None:
    copied = [source for rest in arguments_of(instructions, "COPY") for source in rest.split()[:-1]]
    sent = {line[1:] for line in (deploy / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert copied
    for source in copied:
        assert (repository / source).exists()
        assert Path(source).parts[0] in sent


def test_what_is_installed_was_pinned_and_checked(instructions: list[tuple[str, str]]) -> None:
    installs = [rest for rest in arguments_of(instructions, "RUN") if "pip " in rest]
    assert "--require-hashes --requirement constraints.txt" in installs[0]
    assert all("--no-index --find-links /wheels" in rest for rest in installs[1:])


def test_no_index_is_named(instructions: list[tuple[str, str]]) -> None:
    assert not any("://" in rest for _, rest in instructions)


def test_it_warms_up_and_runs_as_a_user_of_no_rights(instructions: list[tuple[str, str]]) -> None:
    words = [f"{word} {rest}" for word, rest in instructions]
    assert words.index("USER gmm") < words.index("RUN python /opt/gmm-dask/warm_up.py")
    assert any("NUMBA_CACHE_DIR=/opt/gmm-dask/numba" in rest for rest in arguments_of(instructions, "ENV"))


def test_dask_takes_the_settings_for_workers(deploy: Path) -> None:
    wanted = yaml.safe_load((deploy / "dask.yaml").read_text())["distributed"]["nanny"]["pre-spawn-environ"]
    program = "import dask, distributed; print(dask.config.get('distributed.nanny.pre-spawn-environ'))"
    environment = os.environ | {"DASK_CONFIG": str(deploy / "dask.yaml")}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert wanted.items() <= yaml.safe_load(ran.stdout).items()


@pytest.mark.slow
def test_the_warm_up_runs_and_leaves_compiled_kernels(deploy: Path, tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, deploy / "warm_up.py"], env=environment, check=True)
    assert {path.name.split("-")[0] for path in tmp_path.rglob("*.nbc")} >= {
        "kernel.sweep_rows",
        "kernel.log_joint_rows",
    }
