import bz2
import datetime as dt
import gc
import gzip
import pickle
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_dask.errors import BadInputError, ResourceError, UsageError
from gmm_dask.table.source import CsvOptions, csv_tables, open_source
from gmm_dask.table.source.csv_text import BLOCK_BYTES


@pytest.fixture
def written(tmp_path):
    """Writes a file below the test's folder and returns its path."""

    def write(content, name="t.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read(place, **options):
    source = open_source(place, options=CsvOptions(**options))
    return source.read(0, source.n_rows)


class TestForms:
    TEXT = b"x,y\n1,a\n2,b\n"

    def zipped(self, path, *names):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, self.TEXT)
        return path

    @pytest.mark.parametrize(
        ("ending", "compress"),
        [
            ("csv", bytes),
            ("txt", bytes),
            ("csv.gz", gzip.compress),
            ("csv.bz2", bz2.compress),
            ("csv.zst", lambda text: pa.compress(text, "zstd", asbytes=True)),
        ],
    )
    def test_compressions(self, written, ending, compress):
        assert read(written(compress(self.TEXT), f"t.{ending}")).to_pydict() == {"x": [1, 2], "y": ["a", "b"]}

    def test_zip(self, tmp_path):
        path = self.zipped(tmp_path / "t.csv.zip", "t.csv", "__MACOSX/._t.csv")
        assert read(path).num_rows == 2

    @pytest.mark.parametrize("names", [(), ("a.csv", "b.csv")])
    def test_a_zip_holds_one_file(self, tmp_path, names):
        with pytest.raises(BadInputError, match=f"holds {len(names)} files"):
            read(self.zipped(tmp_path / "t.csv.zip", *names))

    def test_a_truncated_archive_is_an_error(self, written):
        text = b"x\n" + b"".join(b"%d\n" % number for number in range(100_000))
        for ending, compress in (("gz", gzip.compress), ("bz2", bz2.compress)):
            path = written(compress(text)[:-50], f"t.csv.{ending}")
            with pytest.raises(BadInputError, match="cannot be read as CSV") as error:
                read(path)
            assert error.value.where == str(path)

    @pytest.mark.parametrize("ending", ["gz", "bz2", "zst", "zip"])
    def test_an_archive_that_is_none_is_an_error(self, written, ending):
        with pytest.raises(BadInputError, match="cannot be read as CSV"):
            read(written(self.TEXT, f"t.csv.{ending}"))

    def test_tabs(self, written):
        assert read(written("x\ty\n1\t2,5\n", "t.tsv")).to_pydict() == {"x": [1], "y": ["2,5"]}
        assert read(written("x\ty\n1\t2\n"), delimiter="\t").to_pydict() == {"x": [1], "y": [2]}

    def test_encodings(self, written):
        for encoding in ("latin-1", "utf-16", "utf-8-sig"):
            path = written("x,ö\n1,é\n".encode(encoding))
            assert read(path, encoding=encoding).to_pydict() == {"x": [1], "ö": ["é"]}
        assert read(path).column_names == ["x", "ö"]

    def test_windows_line_ends_and_a_missing_last_one(self, written):
        assert read(written("x,y\r\n1,a\r\n2,b")).to_pydict() == {"x": [1, 2], "y": ["a", "b"]}

    def test_quoted_values_may_hold_anything(self, written):
        text = 'x,y\n1,"a,b"\n2,"say ""no"""\n3,"two\nlines"\n4,"end\n"\n'
        assert read(written(text))["y"].to_pylist() == ["a,b", 'say "no"', "two\nlines", "end\n"]


class TestHeader:
    def test_without_one_columns_are_counted(self, written):
        assert read(written("1,a\n2,b\n"), header=False).to_pydict() == {"column_1": [1, 2], "column_2": ["a", "b"]}

    def test_a_column_without_a_name_is_named_by_its_place(self, written):
        assert read(written(",x,\n1,2,3\n")).column_names == ["column_1", "x", "column_3"]

    def test_duplicate_names_are_refused(self, written):
        with pytest.raises(BadInputError, match=r"'x' occurs more than once.*no header"):
            read(written("x,x\n1,2\n"))

    def test_numbers_are_no_names(self, written):
        with pytest.raises(BadInputError, match="header of numbers alone"):
            read(written("5.1,3\n4.9,2\n"))
        assert read(written("2012,2013\n5.1,3\n")).column_names == ["2012", "2013"]

    def test_another_delimiter_is_suspected(self, written):
        with pytest.raises(BadInputError, match="If ';' stands between the values"):
            read(written("x;y\n1;2\n"))


class TestValues:
    def test_missing_values(self, written):
        table = read(written("n,t,m\n1,a,\n NA , ? ,\n,None,\n"))
        assert table.to_pydict() == {"n": [1, None, None], "t": ["a", None, None], "m": [None] * 3}
        assert table.schema.types == [pa.int64(), pa.string(), pa.null()]

    def test_other_null_values(self, written):
        table = read(written("n,t\n-999,NA\n1,b\n"), null_values=("-999",))
        assert table.to_pydict() == {"n": [None, 1], "t": ["NA", "b"]}

    def test_spaces_are_dropped_around_numbers_and_kept_around_text(self, written):
        assert read(written("n, t\n 1, a\n 2 , b \n")).to_pydict() == {"n": [1, 2], " t": [" a", " b "]}

    def test_times(self, written):
        table = read(written("d,t,z\n2013-01-05,2013-01-05 10:00:00,2013-01-05T10:00:00+01:00\n"))
        day = dt.datetime(2013, 1, 5)
        assert table["d"].to_pylist() == [day.date()]
        assert table["t"].to_pylist() == [day.replace(hour=10)]
        assert table["z"].to_pylist() == [day.replace(hour=9, tzinfo=dt.UTC)]

    def test_columns_kept_as_text(self, written):
        path = written("zip,n\n10501,1\n90210,2\n")
        assert read(path)["zip"].to_pylist() == [10501, 90210]
        assert read(path, text_columns=("zip",))["zip"].to_pylist() == ["10501", "90210"]
        with pytest.raises(BadInputError, match=r"'zap' to keep as text\. Did you mean 'zip'"):
            read(path, text_columns=("zap",))

    def test_codes_with_leading_zeros_stay_text(self, written):
        table = read(written("zip,share,hour\n00501,0.5,0\n90210,00.7,10\n"))
        assert table["zip"].to_pylist() == ["00501", "90210"]
        assert table["share"].to_pylist() == ["0.5", "00.7"]
        assert table["hour"].to_pylist() == [0, 10]

    @pytest.mark.parametrize(("late", "kind"), [("0.5", pa.float64()), ("x", pa.string())])
    def test_a_late_surprise_decides_the_type_of_the_whole_column(self, written, late, kind):
        rows = 2 * BLOCK_BYTES // 10
        path = written("x\n" + "123456789\n" * rows + late + "\n")
        source = open_source(path)
        assert source.schema.field("x").type == kind
        assert [str(value) for value in source.read(rows, rows + 1)["x"].to_pylist()] == [late]
        assert source.n_rows == rows + 1
        assert set((source.breaks[1:-1] % 65_536).tolist()) == {0}

    def test_large_values_of_several_lines_cross_blocks_unharmed(self, written):
        values = [f"{number}\n{'v' * 1000}" for number in range(3 * BLOCK_BYTES // 1000)]
        path = written("x,y\n" + "".join(f'1,"{value}"\n' for value in values))
        assert read(path)["y"].to_pylist() == values


class TestSeveralFiles:
    def folder(self, written, *texts):
        paths = [written(text, f"many/{number}.csv") for number, text in enumerate(texts)]
        return paths[0].parent

    def test_types_fit_all_files(self, written):
        folder = self.folder(written, "a,b,c\n1,,2013-01-05\n", "c,b,a\n2013-01-06 10:00,true,2.5\n", "a,b,c\n")
        source = open_source(folder)
        assert source.schema == pa.schema([("a", pa.float64()), ("b", pa.bool_()), ("c", pa.timestamp("us"))])
        assert source.read(0, 2)["a"].to_pylist() == [1.0, 2.5]
        assert source.where(1, 2) == f"{folder}/1.csv, rows 0 to 0"

    def test_text_in_one_and_numbers_in_another_is_an_error(self, written):
        folder = self.folder(written, "a\n1\n", "a\nx\n", "a\n2\n")
        with pytest.raises(BadInputError, match=r"column 'a': int64 in .*0\.csv, string in .*1\.csv.*text columns"):
            open_source(folder)
        assert read(folder, text_columns=("a",))["a"].to_pylist() == ["1", "x", "2"]

    def test_times_in_one_and_numbers_in_another_is_an_error(self, written):
        with pytest.raises(BadInputError, match=r"column 'a': date32\[day\] in .*0\.csv, int64 in .*1\.csv"):
            open_source(self.folder(written, "a\n2013-01-05\n", "a\n1\n"))

    def test_other_columns_are_an_error(self, written):
        with pytest.raises(BadInputError, match=r"column 'b': missing in .*0\.csv, int64 in .*1\.csv"):
            open_source(self.folder(written, "a\n1\n", "a,b\n1,2\n"))
        with pytest.raises(BadInputError, match="column 'column_2'"):
            read(self.folder(written, "1\n", "1,2\n"), header=False)


class TestFaults:
    @pytest.mark.parametrize("text", ["", "\n", "x,y", "\n\n\n"])
    def test_an_empty_file(self, written, text):
        with pytest.raises(BadInputError, match="the file is empty, or has a header and nothing else"):
            read(written(text))

    def test_a_header_alone(self, written):
        with pytest.raises(BadInputError, match="there are no rows, only headers"):
            read(written("x,y\n"))

    @pytest.mark.parametrize(("row", "values"), [("1", 1), ("1,2,3", 3)])
    def test_a_broken_row_is_named(self, written, row, values):
        path = written("x,y\n" + "1,2\n" * 3_000_000 + row + "\n1,2\n")
        with pytest.raises(BadInputError) as error:
            read(path)
        assert error.value.found == f"{values} values ({row!r})"
        assert error.value.expected.startswith("2 values")
        assert error.value.where.startswith(f"{path}, row 3000002")

    @pytest.mark.parametrize(
        "text",
        [b"x,y\n1,\xff\n", b"x,\xff\n1,2\n", b"x\n" + b"1\n" * 3_000_000 + b"\xff\n"],
    )
    def test_undecodable_bytes(self, written, text):
        with pytest.raises(BadInputError, match=r"bytes that are not utf-8\. Name the file's encoding"):
            read(written(text))

    def test_a_broken_row_of_undecodable_bytes_is_named(self, written):
        with pytest.raises(BadInputError, match=r"row 3 .*: 1 values"):
            read(written(b"x,y\n1,2\n\xff\n1,2\n"))

    def test_undecodable_bytes_in_another_encoding(self, written):
        with pytest.raises(BadInputError, match="bytes that are not utf-16"):
            read(written(b"x,y\n1,2\n"), encoding="utf-16")

    @pytest.mark.parametrize("text", ['x,y\n1,"a\n3,4\n5,6\n', 'x,y\n1,2\n3,"4\n5,6', 'x,y\n"1,2\n3,4\n'])
    def test_a_quote_that_is_never_closed_swallows_no_rows(self, written, text):
        with pytest.raises(BadInputError):
            read(written(text))

    def test_nor_does_it_in_a_large_file(self, written):
        with pytest.raises(BadInputError, match="or a quote that is never closed"):
            read(written("x,y\n" + '1,"2\n' + "1,2\n" * (BLOCK_BYTES // 2)))

    @pytest.mark.parametrize(
        "options", [{"delimiter": ";;"}, {"delimiter": '"'}, {"delimiter": "§"}, {"encoding": "utf-9"}]
    )
    def test_options_that_cannot_be(self, options):
        with pytest.raises(UsageError, match="CSV"):
            CsvOptions(**options)


class TestConversion:
    def test_the_parquet_copies_live_as_long_as_a_source_that_needs_them(self, written):
        source = open_source(written("x\n1\n2\n"))
        copies = source.work_folder.path
        part = source.narrowed(1, 2)
        elsewhere = pickle.loads(pickle.dumps(source))
        del source
        gc.collect()
        assert part.read(0, 1)["x"].to_pylist() == [2]
        del part
        gc.collect()
        assert not copies.exists()
        with pytest.raises(BadInputError, match=r"t\.csv: this file is gone"):
            elsewhere.read(0, 1)

    def test_a_given_folder_keeps_the_conversion_for_the_next_time(self, written, tmp_path):
        path, work = written("x\n1\n2\n"), tmp_path / "work"
        first = open_source(path, work_folder=work)
        (copy,) = work.rglob("*.parquet")
        stamp = copy.stat().st_mtime_ns
        second = open_source(path, work_folder=work)
        assert second.read(0, 2) == first.read(0, 2)
        assert second.fingerprint == first.fingerprint
        assert copy.stat().st_mtime_ns == stamp
        assert open_source(path, work_folder=work, options=CsvOptions(header=False)).n_rows == 3
        assert len(list(work.iterdir())) == 2

    def test_a_conversion_that_fails_leaves_nothing(self, written, tmp_path, monkeypatch):
        def full(*args, **kwargs):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
        with pytest.raises(ResourceError, match="No space left"):
            open_source(written("x\n1\n"), work_folder=tmp_path / "work")
        assert not list((tmp_path / "work").iterdir())

    def test_the_fingerprint_is_that_of_the_csv_file(self, written):
        path = written("x\n1\n2\n")
        before = open_source(path).fingerprint
        assert open_source(path).fingerprint == before
        assert open_source(path, options=CsvOptions(null_values=("2",))).fingerprint != before
        path.write_text("x\n1\n2\n3\n")
        assert open_source(path).fingerprint != before


class TestStreaming:
    def test_tables_come_without_a_copy_on_disk(self, written):
        path = written("x,y\n1,a\n2,b\n")
        tables = csv_tables(path)
        source = open_source(path)
        assert tables.schema == source.schema
        assert tables.fingerprint == source.fingerprint
        assert pa.concat_tables(tables) == source.read(0, 2)
        assert pa.concat_tables(tables).num_rows == 2

    def test_only_csv_files_stream(self, tmp_path):
        pq.write_table(pa.table({"x": [1]}), tmp_path / "t.parquet")
        with pytest.raises(BadInputError, match="these are Parquet files"):
            csv_tables(tmp_path)

    def test_a_file_that_changes_between_the_passes_is_noticed(self, written):
        path = written("x\n1\n")
        tables = csv_tables(path)
        path.write_text("x\ny\n")
        with pytest.raises(BadInputError, match="no longer holds int64 values"):
            list(tables)

    def test_nor_does_a_column_of_gaps_hide_new_values(self, written):
        path = written("x,y\n1,\n")
        tables = csv_tables(path)
        path.write_text("x,y\n1,2\n")
        with pytest.raises(BadInputError, match="no longer holds null values"):
            list(tables)
