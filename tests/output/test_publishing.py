"""Drafts, commits, and the link that readers open."""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.errors import DamagedError, GmmDaskError, ResourceError, UsageError
from gmm_dask.output import (
    Publication,
    abandon,
    add_file,
    begin,
    clean,
    commit,
    drafting,
    resolve,
    verify,
    write_part,
)
from gmm_dask.output.place import Place

Publish = Callable[..., Publication]


def names(path: Path) -> set[str]:
    return set(pq.read_table(path)["name"].to_pylist())


def test_the_first_publication(tmp_path: Path, publish: Publish) -> None:
    publication = publish(tmp_path / "scores", "first")
    assert (publication.kind, publication.version, publication.rows) == ("table", "v000001", 200)
    assert [part.rows for part in publication.parts] == [100, 100]
    assert [(column.name, column.type, column.nullable) for column in publication.schema] == [
        ("id", "int64", False),
        ("name", "string", True),
    ]
    assert publication.provenance == {"value": "first"}
    assert publication.created.endswith("+00:00")
    assert verify(tmp_path / "scores") == publication
    assert {entry.name for entry in tmp_path.iterdir()} == {"scores", ".scores.versions"}


def test_a_model_is_not_replaced_by_a_table(tmp_path: Path, publish: Publish) -> None:
    path = tmp_path / "model"
    with drafting(path, "model") as draft:
        commit(draft, [add_file(draft.folder, "model.json", b"{}")], schema=None, provenance={})
    with pytest.raises(UsageError, match="a model is published here"):
        publish(path, "table")
    assert resolve(path).kind == "model"


def test_the_link_moves_on_and_the_old_version_stays_readable(tmp_path: Path, publish: Publish) -> None:
    path = tmp_path / "scores"
    old, new = publish(path, "old"), publish(path, "new")
    assert path.readlink() == Path(".scores.versions/v000002")
    assert (names(path), names(old.folder), names(new.folder)) == ({"new"}, {"old"}, {"new"})
    assert verify(old.folder).version == "v000001"


def test_the_place_can_be_moved_as_a_whole(tmp_path: Path, publish: Publish) -> None:
    publish(tmp_path / "here" / "scores", "x")
    (tmp_path / "here").rename(tmp_path / "there")
    assert verify(tmp_path / "there" / "scores").rows == 200


def test_readers_see_nothing_before_the_commit(tmp_path: Path, publish: Publish, schema: pa.Schema) -> None:
    path = tmp_path / "scores"
    publish(path, "old")
    with drafting(path, "table") as draft:
        part = write_part(draft.folder, 0, pa.table([[1], ["new"]], schema=schema), schema)
        assert names(path) == {"old"}
        commit(draft, [part], schema=schema, provenance={})
    assert names(path) == {"new"}


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), None])
def test_a_draft_that_is_not_committed_leaves_nothing(
    tmp_path: Path, schema: pa.Schema, error: BaseException | None
) -> None:
    caught = None
    try:
        with drafting(tmp_path / "scores", "table") as draft:
            write_part(draft.folder, 0, [], schema)
            if error:
                raise error
    except (ValueError, KeyboardInterrupt) as raised:
        caught = raised
    assert caught is error
    assert not list(tmp_path.iterdir())


def test_an_exception_after_the_commit_takes_nothing_back(tmp_path: Path, schema: pa.Schema) -> None:
    def publish_and_fail() -> None:
        with drafting(tmp_path / "scores", "table") as draft:
            commit(draft, [], schema=schema, provenance={})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_and_fail()
    assert verify(tmp_path / "scores").rows == 0


def test_an_interruption_just_after_the_switch_takes_nothing_back(
    tmp_path: Path, schema: pa.Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    def switch_and_stop(place: Place, version: str) -> None:
        point_to(place, version)
        raise KeyboardInterrupt

    point_to = Place.point_to
    monkeypatch.setattr(Place, "point_to", switch_and_stop)
    with pytest.raises(KeyboardInterrupt), drafting(tmp_path / "scores", "table") as draft:
        commit(draft, [], schema=schema, provenance={})
    assert verify(tmp_path / "scores").version == "v000001"


def test_abandoning_twice_or_late_harms_nobody(tmp_path: Path, publish: Publish) -> None:
    path = tmp_path / "scores"
    first = begin(path, "table")
    abandon(first)
    second = begin(path, "table")
    assert first.version == second.version
    abandon(first)
    assert second.folder.is_dir()
    abandon(second)
    assert publish(path, "x").version == "v000001"


def test_concurrent_drafts_never_share_a_version(tmp_path: Path, schema: pa.Schema) -> None:
    with ThreadPoolExecutor(8) as pool:
        drafts = list(pool.map(lambda _: begin(tmp_path / "scores", "table"), range(24)))
    assert {draft.version for draft in drafts} == {f"v{n:06d}" for n in range(1, 25)}
    assert len({draft.folder for draft in drafts}) == 24
    for draft in reversed(drafts):
        commit(draft, [], schema=schema, provenance={"version": draft.version})
    assert verify(tmp_path / "scores").version == drafts[0].version, "the last to commit is current"


def test_a_version_published_between_listing_and_claiming_is_not_claimed(
    tmp_path: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores"
    publish(path, "x")
    listings = iter([[], [], ["v000001"], ["v000001"]])  # two for each attempt; the first attempt's are out of date
    monkeypatch.setattr(Place, "_names", lambda _: next(listings))
    assert begin(path, "table").version == "v000002"
    assert {entry.name for entry in Place.at(path).versions.iterdir()} == {"v000001", "v000002.draft", ".lock"}


def test_publishers_and_a_cleaner_at_once_never_break_the_link(tmp_path: Path, publish: Publish) -> None:
    path = tmp_path / "scores"
    publish(path, "0")
    with ThreadPoolExecutor(2) as pool:
        publishers = [pool.submit(lambda: [publish(path, str(n)) for n in range(20)]) for _ in range(2)]
        while not all(publisher.done() for publisher in publishers):
            clean(path, keep=1)
            resolve(path)
    versions = [publication.version for publisher in publishers for publication in publisher.result()]
    assert len(set(versions)) == 40
    verify(path)


def test_only_the_reported_attempt_is_published(tmp_path: Path, schema: pa.Schema) -> None:
    path = tmp_path / "scores"
    row = pa.table([[1], ["x"]], schema=schema)
    with drafting(path, "table") as draft:
        write_part(draft.folder, 0, row, schema)
        retried = write_part(draft.folder, 0, row, schema)
        (draft.folder / "part-00001-00000000.parquet").write_bytes(b"PAR1 cut short")
        commit(draft, [retried], schema=schema, provenance={})
    assert {entry.name for entry in path.iterdir()} == {retried.name, "_manifest.parquet"}
    assert pq.read_table(path).num_rows == 1


def test_a_straggler_cannot_add_to_what_is_published(tmp_path: Path, schema: pa.Schema) -> None:
    path = tmp_path / "scores"
    row = pa.table([[1], ["x"]], schema=schema)
    with drafting(path, "table") as draft:
        commit(draft, [write_part(draft.folder, 0, row, schema)], schema=schema, provenance={})
    with pytest.raises(ResourceError):
        write_part(draft.folder, 0, row, schema)
    assert verify(path).rows == 1


def test_a_straggler_of_an_abandoned_draft_cannot_write_into_the_next(tmp_path: Path, schema: pa.Schema) -> None:
    first = begin(tmp_path / "scores", "table")
    abandon(first)
    with drafting(tmp_path / "scores", "table") as second:
        assert second.version == first.version
        with pytest.raises(ResourceError):
            write_part(first.folder, 0, [], schema)
        assert not list(second.folder.iterdir())


@pytest.mark.parametrize("change", [{"bytes": 3}, {"name": "part-00009-00000000.parquet"}])
def test_a_part_that_is_not_there_as_written_is_refused(
    tmp_path: Path, publish: Publish, schema: pa.Schema, change: dict[str, object]
) -> None:
    path = tmp_path / "scores"
    publish(path, "old")
    with drafting(path, "table") as draft:
        part = replace(write_part(draft.folder, 0, [], schema), **change)
        with pytest.raises(DamagedError, match=part.name):
            commit(draft, [part], schema=schema, provenance={})
    assert names(path) == {"old"}


def test_a_table_without_parts_has_its_columns(tmp_path: Path, schema: pa.Schema) -> None:
    with drafting(tmp_path / "scores", "table") as draft:
        commit(draft, [], schema=schema, provenance={})
    assert verify(tmp_path / "scores").rows == 0
    assert pq.read_table(tmp_path / "scores").schema.equals(schema)


def test_a_model_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with drafting(path, "model") as draft:
        parts = [add_file(draft.folder, "model.json", b"{}"), add_file(draft.folder, "means.f64", bytes(64))]
        published = commit(
            draft, parts, schema=None, provenance={"seed": 1, "files": ("a", "b"), "by k": {2: 1, 10: 2}}
        )
    assert verify(path) == published
    assert (published.kind, published.rows, published.schema) == ("model", 0, ())
    assert published.provenance == {"seed": 1, "files": ["a", "b"], "by k": {"2": 1, "10": 2}}
    assert {entry.name for entry in path.iterdir()} == {"model.json", "means.f64", "_manifest.json"}


def test_a_draft_travels_to_another_process(tmp_path: Path) -> None:
    draft = begin(tmp_path / "scores", "table")
    assert pickle.loads(pickle.dumps(draft)) == draft
    assert draft.folder.is_absolute()


@pytest.mark.parametrize("provenance", [{"x": float("nan")}, {"x": object()}])
def test_a_commit_that_fails_late_publishes_nothing(
    tmp_path: Path, publish: Publish, schema: pa.Schema, provenance: dict[str, object]
) -> None:
    path = tmp_path / "scores"
    publish(path, "old")
    with drafting(path, "table") as draft, pytest.raises((ValueError, TypeError)):
        commit(draft, [write_part(draft.folder, 0, [], schema)], schema=schema, provenance=provenance)
    assert names(path) == {"old"}
    assert {entry.name for entry in (tmp_path / ".scores.versions").iterdir()} == {"v000001", ".lock"}


def test_a_disk_that_is_full_at_the_manifest_publishes_nothing(
    tmp_path: Path, publish: Publish, schema: pa.Schema, limit_file_size: Callable[[int], None]
) -> None:
    path = tmp_path / "scores"
    publish(path, "old")
    with drafting(path, "table") as draft:
        part = write_part(draft.folder, 0, [], schema)
        limit_file_size(100)
        with pytest.raises(ResourceError, match=r"scores: .*File too large") as caught:
            commit(draft, [part], schema=schema, provenance={})
        assert names(path) == {"old"}
        limit_file_size(2**20)
        commit(draft, [part], schema=schema, provenance={})
    assert caught.value.exit_code == 4
    assert verify(path).rows == 0


def test_a_place_that_cannot_be_written_is_a_resource_error() -> None:
    with pytest.raises(ResourceError, match="/proc/no-such-place/scores") as caught:
        begin("/proc/no-such-place/scores", "table")
    assert caught.value.advice


def test_everything_published_has_the_permissions_that_the_umask_leaves(tmp_path: Path, publish: Publish) -> None:
    old = os.umask(0o027)
    try:
        folder = publish(tmp_path / "scores", "x").folder
    finally:
        os.umask(old)
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o640}
    assert {stat.S_IMODE(each.stat().st_mode) for each in (folder, folder.parent)} == {0o750}


def test_a_second_commit_of_one_draft_is_refused(tmp_path: Path, publish: Publish, schema: pa.Schema) -> None:
    with drafting(tmp_path / "scores", "table") as draft:
        part = write_part(draft.folder, 0, [], schema)
        commit(draft, [part], schema=schema, provenance={})
        with pytest.raises(GmmDaskError):
            commit(draft, [part], schema=schema, provenance={})
    assert verify(tmp_path / "scores").version == "v000001"


def test_a_table_is_not_published_without_its_schema(tmp_path: Path) -> None:
    with drafting(tmp_path / "scores", "table") as draft, pytest.raises(UsageError, match="schema"):
        commit(draft, [], schema=None, provenance={})


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'table'"):
        begin(tmp_path / "scores", "tables")
