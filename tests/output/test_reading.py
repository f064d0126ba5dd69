"""Resolving a path to a version, and noticing every kind of damage."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.errors import BadInputError, DamagedError
from gmm_dask.output import Publication, add_file, commit, drafting, resolve, verify, write_part

Publish = Callable[..., Publication]
KEY = b"gmm_dask.manifest"


@pytest.fixture
def published(tmp_path: Path, publish: Publish) -> Publication:
    publish(tmp_path / "scores", "old")
    return publish(tmp_path / "scores", "new")


@pytest.fixture
def model(tmp_path: Path) -> Publication:
    with drafting(tmp_path / "model", "model") as draft:
        return commit(draft, [add_file(draft.folder, "means.f64", bytes(64))], schema=None, provenance={"seed": 1})


def flip_bit(file: Path, position: int) -> None:
    data = bytearray(file.read_bytes())
    data[position] ^= 1
    file.write_bytes(data)


def last_byte_of_a_data_page(file: Path) -> int:
    column = pq.read_metadata(file).row_group(0).column(0)
    return int((column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size - 1)


def assert_damaged(publication: Publication, *patterns: str) -> None:
    with pytest.raises(DamagedError) as caught:
        verify(publication.path)
    assert caught.value.where
    for pattern in patterns:
        assert pattern in str(caught.value)


def test_a_link_to_the_link_and_the_folder_itself_resolve(tmp_path: Path, published: Publication) -> None:
    (tmp_path / "alias").symlink_to("scores")
    for path in ("scores", "alias", ".scores.versions/v000002"):
        assert replace(resolve(tmp_path / path), path=published.path) == published


def test_a_plain_copy_resolves_and_verifies(tmp_path: Path, published: Publication) -> None:
    shutil.copytree(tmp_path / "scores", tmp_path / "copy")
    copy = verify(tmp_path / "copy")
    assert (copy.folder, copy.version, copy.parts) == (tmp_path / "copy", "v000002", published.parts)


def test_nothing_and_a_file_are_no_publications(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for name, found in (("nothing", "nothing is there"), ("file", "a file")):
        with pytest.raises(BadInputError, match=found) as caught:
            resolve(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert caught.value.exit_code == 3


def test_a_link_into_nowhere_is_damage(tmp_path: Path, published: Publication) -> None:
    shutil.rmtree(published.folder)
    with pytest.raises(DamagedError, match=r"\.scores\.versions/v000002"):
        resolve(tmp_path / "scores")


def test_a_flipped_bit_in_a_data_page(published: Publication) -> None:
    file = published.folder / published.parts[1].name
    flip_bit(file, last_byte_of_a_data_page(file))
    assert_damaged(published, file.name, "SHA-256")


def test_a_page_damaged_before_it_was_hashed(tmp_path: Path, schema: pa.Schema) -> None:
    with drafting(tmp_path / "scores", "table") as draft:
        part = write_part(draft.folder, 0, pa.table([range(100), ["x"] * 100], schema=schema), schema)
        file = draft.folder / part.name
        flip_bit(file, last_byte_of_a_data_page(file))
        part = replace(part, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
        published = commit(draft, [part], schema=schema, provenance={})
    assert_damaged(published, part.name, "CRC")


def test_a_truncated_part(published: Publication) -> None:
    part = published.parts[0]
    with (published.folder / part.name).open("r+b") as file:
        file.truncate(part.bytes - 1)
    assert_damaged(published, part.name, f"{part.bytes - 1} bytes instead of {part.bytes}")


def test_a_missing_and_a_foreign_part_are_both_listed(published: Publication) -> None:
    gone, foreign = published.folder / published.parts[0].name, published.folder / "part-00002-0badf00d.parquet"
    gone.rename(foreign)
    assert_damaged(published, f"{gone.name}: missing", f"{foreign.name}: not part of this version", "2 damaged")


def test_hidden_files_are_nobodys_business(published: Publication) -> None:
    (published.folder / "_SUCCESS").touch()
    (published.folder / ".part.crc").touch()
    assert verify(published.path) == published


def test_a_wrong_row_count(tmp_path: Path, schema: pa.Schema) -> None:
    with drafting(tmp_path / "scores", "table") as draft:
        part = write_part(draft.folder, 0, pa.table([[1], ["x"]], schema=schema), schema)
        published = commit(draft, [replace(part, rows=2)], schema=schema, provenance={})
    assert_damaged(published, "1 rows instead of 2")


def test_a_part_of_another_schema(tmp_path: Path, schema: pa.Schema) -> None:
    other = pa.schema([*schema, ("more", pa.int8())])
    with drafting(tmp_path / "scores", "table") as draft:
        published = commit(draft, [write_part(draft.folder, 0, [], other)], schema=schema, provenance={})
    assert_damaged(published, "columns")


def test_a_part_that_is_no_parquet_file(tmp_path: Path, schema: pa.Schema) -> None:
    with drafting(tmp_path / "scores", "table") as draft:
        part = add_file(draft.folder, "part-00000-0badf00d.parquet", b"not Parquet at all")
        published = commit(draft, [part], schema=schema, provenance={})
    assert_damaged(published, f"{part.name}: cannot be read")


def test_a_changed_model_file(model: Publication) -> None:
    flip_bit(model.folder / "means.f64", 5)
    assert_damaged(model, "means.f64", "SHA-256")


@pytest.mark.parametrize("name", ["published", "model"])
def test_a_missing_manifest(request: pytest.FixtureRequest, name: str) -> None:
    publication = request.getfixturevalue(name)
    next(publication.folder.glob("_manifest.*")).unlink()
    assert_damaged(publication, "no manifest")


def test_a_manifest_that_was_altered(published: Publication) -> None:
    manifest = published.folder / "_manifest.parquet"
    text = pq.read_metadata(manifest).metadata[KEY]
    altered = text.replace(b'"value": "new"', b'"value": "odd"')
    assert altered != text
    with pq.ParquetWriter(manifest, pq.read_schema(manifest)) as writer:
        writer.add_key_value_metadata({KEY: altered})
    assert_damaged(published, "_manifest.parquet", "altered")


@pytest.mark.parametrize("cut", [0, 8, 100])
def test_a_manifest_that_is_no_parquet_file(published: Publication, cut: int) -> None:
    manifest = published.folder / "_manifest.parquet"
    manifest.write_bytes(manifest.read_bytes()[:cut])
    assert_damaged(published, "_manifest.parquet")


def test_a_foreign_parquet_file_for_a_manifest(published: Publication) -> None:
    pq.write_table(pa.table({"x": [1]}), published.folder / "_manifest.parquet")
    assert_damaged(published, "_manifest.parquet")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"provenance": {"seed": 2}}, "altered"),
        ({"parts": []}, "altered"),
        ({"checksum": None}, "altered"),
        ({"format": "another"}, "another"),
        ({"format_version": 2}, "version 2"),
    ],
)
def test_a_model_manifest_that_was_altered(model: Publication, change: dict[str, object], found: str) -> None:
    manifest = model.folder / "_manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    assert_damaged(model, "_manifest.json", found)


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", "{", "\x00"])
def test_a_model_manifest_that_is_something_else(model: Publication, text: str) -> None:
    (model.folder / "_manifest.json").write_text(text)
    assert_damaged(model, "_manifest.json")


def test_every_flipped_bit_of_a_model_manifest_is_noticed(model: Publication) -> None:
    manifest = model.folder / "_manifest.json"
    original = manifest.read_bytes()
    spaces = [place for place, byte in enumerate(original) if byte in b" \n"]
    for place in set(range(len(original))) - set(spaces):
        flip_bit(manifest, place)
        with pytest.raises(DamagedError):
            resolve(model.path)
        manifest.write_bytes(original)
    resolve(model.path)


def test_a_flipped_bit_of_a_table_manifest_is_noticed_or_changes_nothing(published: Publication) -> None:
    manifest = published.folder / "_manifest.parquet"
    original = manifest.read_bytes()
    noticed = 0
    for place in range(len(original)):
        flip_bit(manifest, place)
        try:
            assert verify(published.path) == published
        except DamagedError:
            noticed += 1
        manifest.write_bytes(original)
    assert noticed > len(original) / 2


def test_a_manifest_that_names_a_file_outside_is_refused(tmp_path: Path) -> None:
    with drafting(tmp_path / "model", "model") as draft:
        part = add_file(draft.folder, "means.f64", b"1")
        (tmp_path / "outside").write_bytes(b"1")
        with pytest.raises(DamagedError):
            commit(draft, [replace(part, name="../../../outside")], schema=None, provenance={})
