"""What clean removes and what it must not; the way back."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from gmm_dask.errors import UsageError
from gmm_dask.output import Publication, begin, clean, commit, drafting, rollback, verify, write_part
from gmm_dask.output.place import Place

Publish = Callable[..., Publication]


@pytest.fixture
def path(tmp_path: Path, publish: Publish) -> Path:
    """Four published versions."""
    for value in ("1", "2", "3", "4"):
        publish(tmp_path / "scores", value)
    return tmp_path / "scores"


def folders(path: Path) -> list[str]:
    return sorted(entry.name for entry in Place.at(path).versions.iterdir() if entry.is_dir())


def age(folder: Path, hours: float) -> None:
    then = time.time() - hours * 3600
    for entry in (*folder.rglob("*"), folder):
        os.utime(entry, (then, then))


def test_the_newest_stay_and_a_second_run_finds_nothing(path: Path) -> None:
    assert clean(path) == ["v000001", "v000002"]
    assert folders(path) == ["v000003", "v000004"]
    assert clean(path) == []
    assert verify(path).version == "v000004"


def test_the_current_version_stays_however_old(path: Path) -> None:
    for _ in range(3):
        rollback(path)
    assert clean(path, keep=1) == ["v000002", "v000003"]
    assert verify(path).version == "v000001"


def test_keeping_none_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match="keep=0"):
        clean(path, keep=0)
    assert len(folders(path)) == 4


def test_nothing_published_is_nothing_to_clean(tmp_path: Path) -> None:
    assert clean(tmp_path / "scores") == []
    assert not list(tmp_path.iterdir())


def test_a_draft_is_given_its_time(path: Path) -> None:
    draft = begin(path, "table")
    assert clean(path, keep=9) == []
    age(draft.folder.parent, hours=25)
    assert clean(path, keep=9, grace=timedelta(hours=26)) == []
    assert clean(path, keep=9) == ["v000005.draft"]
    assert not draft.folder.exists()


def test_a_draft_that_still_grows_is_not_idle(path: Path, schema: pa.Schema) -> None:
    with drafting(path, "table") as draft:
        age(draft.folder.parent, hours=48)
        part = write_part(draft.folder, 0, [], schema)
        assert clean(path, keep=9) == []
        commit(draft, [part], schema=schema, provenance={})
    assert verify(path).version == "v000005"


def test_a_version_without_a_manifest_is_never_counted_among_those_kept(path: Path) -> None:
    broken = Place.at(path).versions / "v000005"
    broken.mkdir()
    assert clean(path, keep=2) == ["v000001", "v000002"]
    age(broken, hours=25)
    assert clean(path, keep=2) == ["v000005"]
    assert folders(path) == ["v000003", "v000004"]


def test_what_is_not_ours_in_the_folder_of_versions_stays(path: Path) -> None:
    for name in ("notes", "v1", "v000009x", "x.draft"):
        (Place.at(path).versions / name).mkdir()
    assert clean(path, keep=4, grace=timedelta(seconds=-1)) == []


def test_cleaning_waits_for_a_switch_in_progress(path: Path) -> None:
    removed: list[list[str]] = []
    cleaner = threading.Thread(target=lambda: removed.append(clean(path)))
    with Place.at(path).locked():
        cleaner.start()
        cleaner.join(0.3)
        assert cleaner.is_alive()
        assert len(folders(path)) == 4
    cleaner.join()
    assert removed == [["v000001", "v000002"]]


def test_rolling_back_and_publishing_again(path: Path, publish: Publish) -> None:
    assert rollback(path).version == "v000003"
    assert verify(path).provenance == {"value": "3"}
    assert publish(path, "5").version == "v000005"
    assert rollback(path).version == "v000004"


def test_rolling_back_skips_what_was_never_whole_and_ends_at_the_first(path: Path) -> None:
    (Place.at(path).versions / "v000003" / "_manifest.parquet").unlink()
    assert [rollback(path).version for _ in range(2)] == ["v000002", "v000001"]
    with pytest.raises(UsageError, match="no version before v000001"):
        rollback(path)
    assert verify(path).version == "v000001"


def test_rolling_back_from_a_version_that_was_deleted(path: Path) -> None:
    shutil.rmtree(path.resolve())
    assert rollback(path).version == "v000003"


def test_rolling_back_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to roll back"):
        rollback(tmp_path / "scores")
    assert not list(tmp_path.iterdir())
