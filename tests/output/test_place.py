"""Where one may publish: any name on a file system, and nothing of anybody else's is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.errors import UsageError
from gmm_dask.output import Publication, begin, clean, commit, drafting, resolve, verify, write_part

Publish = Callable[..., Publication]


def test_a_relative_path_means_the_same_after_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: pa.Schema
) -> None:
    monkeypatch.chdir(tmp_path)
    draft = begin("scores", "table")
    monkeypatch.chdir("/")
    commit(draft, [], schema=schema, provenance={})
    assert verify(tmp_path / "scores").version == "v000001"


@pytest.mark.parametrize("name", ["scores", "with space", "größe %41", ".hidden", "a.parquet", "-x", "v000001"])
@pytest.mark.parametrize("kind", [str, Path])
def test_any_name_will_do(tmp_path: Path, publish: Publish, name: str, kind: type) -> None:
    path = kind(tmp_path / name)
    publish(path, "old")
    publish(path, "new")
    assert verify(path).version == "v000002"
    assert set(pq.read_table(path)["name"].to_pylist()) == {"new"}


def test_a_file_url_and_missing_parents_are_fine(tmp_path: Path, publish: Publish) -> None:
    publish(f"file://{tmp_path}/a/b/scores", "x")
    assert verify(f"{tmp_path}/a/b/scores/").rows == 200


@pytest.mark.parametrize("url", ["s3://bucket/scores", "gs://bucket/scores", Path("abfs://box/scores")])
@pytest.mark.parametrize("verb", [lambda url: begin(url, "table"), resolve, verify, clean])
def test_a_url_is_refused(url: str | Path, verb: Callable[[str | Path], object]) -> None:
    with pytest.raises(UsageError, match="local or mounted"):
        verb(url)


def in_the_way(path: Path, what: str) -> None:
    if what == "folder":
        path.mkdir()
        (path / "precious.parquet").write_bytes(b"data")
    elif what == "file":
        path.write_bytes(b"data")
    else:
        path.symlink_to("elsewhere")


@pytest.mark.parametrize("what", ["folder", "file", "foreign link"])
def test_what_is_not_ours_is_not_touched(tmp_path: Path, what: str) -> None:
    in_the_way(tmp_path / "scores", what)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="in the way") as caught:
        begin(tmp_path / "scores", "table")
    assert caught.value.advice
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("what", ["folder", "file", "foreign link"])
def test_what_came_meanwhile_is_not_touched_and_the_commit_can_be_repeated(
    tmp_path: Path, schema: pa.Schema, what: str
) -> None:
    path, parked = tmp_path / "scores", tmp_path / "parked"
    with drafting(path, "table") as draft:
        part = write_part(draft.folder, 0, [], schema)
        in_the_way(path, what)
        with pytest.raises(UsageError, match="in the way"):
            commit(draft, [part], schema=schema, provenance={})
        path.rename(parked)
        commit(draft, [part], schema=schema, provenance={})
    assert verify(path).parts == (part,)
    assert parked.is_symlink() or parked.exists()
