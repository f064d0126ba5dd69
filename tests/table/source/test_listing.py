import os
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.table.source import Format, locate, open_source
from gmm_dask.table.source.listing import format_of


def write(path, *values, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"x": list(values), **columns}), path)


def values(table, column="x"):
    source = open_source(table)
    return source.read(0, source.n_rows)[column].to_pylist()


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "data" / "b.parquet", 3, 4)
    write(tmp_path / "data" / "a.parquet", 1, 2)
    write(tmp_path / "data" / "inner" / "c.parquet", 5)
    return tmp_path / "data"


def test_every_form_of_a_path_names_the_same_rows(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    expected = [1, 2, 3, 4, 5]
    files = sorted(folder.rglob("*.parquet"))
    for form in (folder, str(folder), f"{folder}/", "data", f"file://{folder}", f"{folder}/**/*.parquet", files):
        assert values(form) == expected, form
    assert values(folder / "*.parquet") == [1, 2, 3, 4]
    assert values([folder / "b.parquet", folder / "a.parquet"]) == [1, 2, 3, 4]
    assert values([folder / "inner", folder / "a.parquet"]) == [1, 2, 5]


def test_names(folder):
    assert locate(folder).name == "data"
    assert locate(folder / "a.parquet").name == "a.parquet"
    assert locate([folder / "b.parquet", folder / "a.parquet"]).name == "b.parquet and 1 more"


def test_a_path_with_wildcard_characters_in_its_name_is_itself(tmp_path):
    write(tmp_path / "a[1].parquet", 1)
    assert values(tmp_path / "a[1].parquet") == [1]


def test_hidden_names_and_other_files_in_folders_are_not_data(folder):
    (folder / "_manifest.json").write_text("{}")
    (folder / "README.txt").write_text("read me")
    (folder / "notes.md").write_text("notes")
    write(folder / "_temporary" / "x.parquet", 99)
    write(folder / ".cache" / "x.parquet", 99)
    write(folder / ".part.parquet", 99)
    assert values(folder) == [1, 2, 3, 4, 5]
    assert values(f"{folder}/*") == [1, 2, 3, 4, 5]
    assert values(folder / "_temporary") == [99]


def test_a_link_is_resolved_once(tmp_path):
    write(tmp_path / ".table" / "v1" / "part.parquet", 1)
    write(tmp_path / ".table" / "v2" / "part.parquet", 2, 2)
    link = tmp_path / "table"
    link.symlink_to(".table/v1")
    first = open_source(link)
    link.unlink()
    link.symlink_to(".table/v2")
    assert first.name == "table"
    assert first.read(0, 1)["x"].to_pylist() == [1]
    assert first.fingerprint != open_source(link).fingerprint
    assert values(link) == [2, 2]
    assert values(f"{tmp_path}/tab*") == [2, 2]


def test_links_in_folders_are_followed(folder, tmp_path):
    write(tmp_path / "elsewhere" / "blob", 6)
    write(tmp_path / "more" / "e.parquet", 7)
    (folder / "z.parquet").symlink_to(tmp_path / "elsewhere" / "blob")
    (folder / "more").symlink_to(tmp_path / "more")
    assert values(folder) == [1, 2, 3, 4, 5, 7, 6]


def test_a_circle_of_links_is_an_error(folder):
    (folder / "round").symlink_to(folder)
    with pytest.raises(BadInputError, match="leads back"):
        locate(folder)


def test_a_link_to_nowhere_is_an_error(folder):
    (folder / "x.parquet").symlink_to(folder / "not-there.parquet")
    with pytest.raises(BadInputError, match="leads nowhere"):
        locate(folder)


def test_a_file_named_twice_is_an_error(folder):
    (folder.parent / "link.parquet").symlink_to(folder / "a.parquet")
    for places in ([folder, folder / "a.parquet"], [folder / "a.parquet", folder.parent / "link.parquet"]):
        with pytest.raises(BadInputError, match="named twice"):
            locate(places)


def test_other_file_systems():
    memory = fsspec.filesystem("memory")
    with memory.open("/listing/year=1/a.parquet", "wb") as file:
        pq.write_table(pa.table({"x": [1, 2]}), file)
    with memory.open("/listing/year=2/b.csv.gz", "wb", compression="gzip") as file:
        file.write(b"x\n3\n")
    try:
        assert values("memory://listing/*/*.parquet", "year") == [1, 1]
        assert values("memory://listing/year=1") == [1, 2]
        assert values("memory://listing/year=2/b.csv.gz") == [3]
        folder, glob = locate("memory://listing/year=1"), locate("memory://listing/year=1/*")
        assert folder.files[0].stamp == glob.files[0].stamp != ""
        with pytest.raises(UsageError, match="different file systems"):
            locate(["memory://listing/year=1", "/tmp"])
    finally:
        memory.rm("/listing", recursive=True)


@pytest.mark.parametrize(("url", "extra"), [("s3://b/x", "s3"), ("gs://b/x", "gcs"), ("abfs://c/x", "azure")])
def test_a_missing_backend_names_its_extra(url, extra, monkeypatch):
    def not_installed(name, *args, **kwargs):
        raise ImportError(f"Install {name}")

    monkeypatch.setattr("fsspec.core.get_filesystem_class", not_installed)
    with pytest.raises(UsageError) as error:
        locate(url)
    assert f"gmm-dask[{extra}]" in error.value.advice


def test_an_unknown_scheme_is_a_usage_error():
    with pytest.raises(UsageError, match="nonsense"):
        locate("nonsense://x")


def test_package_data_is_found_without_importing_the_package(tmp_path, monkeypatch):
    package = tmp_path / "some_data_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('this package cannot be imported any more')")
    write(package / "data" / "a.parquet", 1)
    monkeypatch.syspath_prepend(tmp_path)
    assert values("package://some_data_package/data/a.parquet") == [1]
    with pytest.raises(BadInputError, match=r"Did you mean 'a\.parquet'"):
        locate("package://some_data_package/data/b.parquet")


def test_a_missing_package_comes_with_the_command_that_installs_it():
    with pytest.raises(BadInputError, match="pip install no_such_package_here"):
        locate("package://no_such_package_here/data/a.parquet")


@pytest.mark.parametrize("url", ["package://", "package://os.path/x.csv", "package://a-b/x.csv"])
def test_a_package_has_a_plain_name(url):
    with pytest.raises(UsageError, match="not a package name"):
        locate(url)


def test_a_single_module_holds_no_files():
    with pytest.raises(BadInputError, match="single module"):
        locate("package://difflib/x.csv")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("data/aa.parquet", "Did you mean 'a.parquet'"),
        ("nowhere/a.parquet", "nowhere does not exist either"),
        ("data/*.csv", "no path matches"),
        ("empty", "no files here"),
        ("empty/x.csv", "is empty"),
        ("pictures", "no Parquet or CSV files among 1 \\(x.png\\)"),
        ("pictures/x.png", "cannot be read; expected .parquet, .pq, .csv"),
        ("mixed", "two kinds of files: CSV in .*x.csv, Parquet in .*a.parquet"),
    ],
)
def test_what_is_not_there_is_told(folder, place, message):
    root = folder.parent
    (root / "empty").mkdir()
    (root / "pictures").mkdir()
    (root / "pictures" / "x.png").write_bytes(b"")
    write(root / "mixed" / "a.parquet", 1)
    (root / "mixed" / "x.csv").write_text("x\n1\n")
    with pytest.raises(BadInputError, match=message):
        locate(root / place)


def test_an_empty_list_is_a_usage_error():
    with pytest.raises(UsageError, match="empty list"):
        open_source([])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.parquet", Format.PARQUET),
        ("A.PARQUET", Format.PARQUET),
        ("a.pq", Format.PARQUET),
        ("a.csv", Format.CSV),
        ("a.csv.gz", Format.CSV),
        ("a.tsv.zst", Format.CSV),
        ("a.txt.bz2", Format.CSV),
        ("a.csv.zip", Format.CSV),
        ("a.zip", None),
        ("a.parquet.gz", None),
        ("a", None),
    ],
)
def test_the_end_of_a_name_tells_the_format(name, kind):
    assert format_of(name) is kind


class TestPartitionFolders:
    def test_folders_become_typed_columns_at_the_end(self, tmp_path):
        write(tmp_path / "year=2013" / "month=01" / "day=2013-01-05" / "kind=a%20b" / "x.parquet", 1, 2)
        write(tmp_path / "year=2014" / "month=2.5" / "day=2014-01-05" / "kind=7" / "x.parquet", 3)
        source = open_source(tmp_path)
        assert source.schema == pa.schema(
            [
                ("x", pa.int64()),
                ("year", pa.int64()),
                ("month", pa.float64()),
                ("day", pa.date32()),
                ("kind", pa.string()),
            ]
        )
        table = source.read(1, 3, ["kind", "year", "x"])
        assert table.to_pylist() == [{"kind": "a b", "year": 2013, "x": 2}, {"kind": "7", "year": 2014, "x": 3}]
        assert source.read(0, 3, ["year"])["year"].to_pylist() == [2013, 2013, 2014]

    def test_a_missing_value_has_a_folder_too(self, tmp_path):
        write(tmp_path / "year=2013" / "x.parquet", 1)
        write(tmp_path / "year=__HIVE_DEFAULT_PARTITION__" / "x.parquet", 2)
        assert values(tmp_path, "year") == [2013, None]

    def test_a_pattern_counts_folders_from_its_first_wildcard(self, tmp_path):
        write(tmp_path / "v=1" / "year=2013" / "x.parquet", 1)
        assert open_source(tmp_path / "v=1" / "*" / "*.parquet").schema.names == ["x", "year"]
        assert open_source(tmp_path / "v=1" / "year=2013" / "x.parquet").schema.names == ["x"]

    def test_a_column_of_the_files_counts_more_than_a_folder(self, tmp_path):
        write(tmp_path / "year=2013" / "x.parquet", 1, year=["2013"])
        assert values(tmp_path, "year") == ["2013"]

    def test_folders_that_differ_are_an_error(self, tmp_path):
        write(tmp_path / "year=2013" / "x.parquet", 1)
        write(tmp_path / "month=1" / "x.parquet", 2)
        with pytest.raises(BadInputError, match=r"partition columns differ: month at .*, year at "):
            open_source(tmp_path)

    def test_csv_files_lie_in_such_folders_too(self, tmp_path):
        for year in (2013, 2014):
            (tmp_path / f"year={year}").mkdir()
            (tmp_path / f"year={year}" / "x.csv").write_text(f"x\n{year % 10}\n")
        assert values(tmp_path) == [3, 4]
        assert values(tmp_path, "year") == [2013, 2014]


def test_paths_may_be_any_path_like(folder):
    class Place(os.PathLike):
        def __fspath__(self):
            return str(folder)

    assert values(Place()) == [1, 2, 3, 4, 5]
    assert isinstance(folder, Path)
