"""A publisher that dies, at any moment, leaves the whole old version or the whole new one."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.output import clean, commit, drafting, verify
from gmm_dask.output.place import Place

PUBLISHER = Path(__file__).with_name("publisher.py")
SEED = 20130101

pytestmark = pytest.mark.slow


def version_at(path: Path) -> int:
    """The one version number that all rows of the intact publication carry."""
    assert verify(path).rows == 300
    table = pq.read_table(path)
    assert table.num_rows == 300
    (version,) = set(table["version"].to_pylist())
    return int(version)


@pytest.fixture(scope="module")
def bereaved(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Published paths: at the n-th, publishing again and cleaning was killed after n steps; at the last it ended."""
    folder = tmp_path_factory.mktemp("bereaved")
    subprocess.run([sys.executable, PUBLISHER, "every-step", folder], check=True, timeout=120)
    return [folder / str(step) for step in range(sum(path.is_symlink() for path in folder.iterdir()))]


def test_death_before_any_step_leaves_the_old_version_or_the_new(bereaved: list[Path]) -> None:
    versions = [version_at(path) for path in bereaved]
    assert versions == sorted(versions), "once switched, it stays switched"
    assert (versions[0], versions[-1]) == (1, 2)
    assert versions.count(1) > 15
    assert versions.count(2) > 2


def test_no_death_leaves_a_damaged_version_that_looks_published(bereaved: list[Path]) -> None:
    manifests = [found for path in bereaved for found in Place.at(path).versions.glob("v*/_manifest.parquet")]
    assert len(manifests) > len(bereaved)
    for manifest in manifests:
        verify(manifest.parent)


def test_what_the_dead_leave_stops_nobody_and_is_cleaned_up(bereaved: list[Path]) -> None:
    for path in bereaved:
        with drafting(path, "table") as draft:
            commit(draft, [], schema=pa.schema([("version", pa.int64())]), provenance={})
        clean(path, keep=1, grace=timedelta(seconds=-1))
        assert verify(path).rows == 0
        assert {entry.name for entry in Place.at(path).versions.iterdir()} == {path.resolve().name, ".lock"}


def test_death_at_random_moments_leaves_a_whole_version(tmp_path: Path) -> None:
    path, moments = tmp_path / "data", random.Random(SEED)
    reached = []
    for _ in range(12):
        with subprocess.Popen([sys.executable, PUBLISHER, "for-ever", path], stdout=subprocess.PIPE) as publisher:
            assert publisher.stdout is not None
            publisher.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.1))
            publisher.kill()
            reported = [0, *map(int, publisher.stdout.read().split())]
        assert version_at(path) in (reported[-1], reported[-1] + 1), f"seed {SEED}"
        reached.append(reported[-1])
    assert max(reached) > 0, "nothing was killed between two publications"
