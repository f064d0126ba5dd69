"""One validated record per job. The same models read a TOML file and give a Prefect deployment its parameter form."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from gmm_dask.errors import UsageError, did_you_mean

TransformKind = Literal["auto", "none", "standardise", "log1p", "yeo-johnson"]
Criterion = Literal["bic", "aic", "icl", "awe", "cv"]
Acceleration = Literal["auto", "none"]
Prior = Literal["none", "inverse-wishart"]

CovarianceName = Literal[
    "full", "tied", "diag", "spherical", "EII", "EEI", "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV"
]
_NAMES_IN_MCLUST = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}
_AnyName = Literal[CovarianceName, "VVV", "EEE", "VVI", "VII"]

MOST_COMPONENTS = 10_000
"""More components than this is a slip of the finger."""


def parse_components(value: object) -> object:
    """`"1:8"` is 1 to 8, both included, `"1:21:5"` every fifth; a number is itself; a list stays one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d+)(?::(\d+)(?::(\d+))?)?", value.strip())
    first, last, step = (int(part) if part else None for part in found.groups()) if found else (None, None, None)
    if first is None or step == 0 or max(first, last or 0) > MOST_COMPONENTS:
        raise ValueError(f"{value!r} is not a range such as '1:8', of at most {MOST_COMPONENTS} components")
    return list(range(first, (first if last is None else last) + 1, step or 1))


def _no_doubles(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values) or not values:
        raise ValueError("expected at least one value, none of them twice")
    return values


Components = Annotated[
    list[Annotated[int, Field(ge=1)]],
    BeforeValidator(parse_components, json_schema_input_type=list[int] | int | str),
    AfterValidator(_no_doubles),
]


def _covariance_name(value: object) -> object:
    """scikit-learn's names stand for mclust's where both have the family."""
    return _NAMES_IN_MCLUST.get(value, value) if isinstance(value, str) else value


def _all_covariance_types(value: object) -> object:
    """`"all"` is every covariance type there is."""
    return list(get_args(CovarianceName)) if value in ("all", ["all"]) else value


CovarianceType = Annotated[CovarianceName, BeforeValidator(_covariance_name, json_schema_input_type=_AnyName)]
CovarianceTypes = Annotated[
    list[CovarianceType],
    BeforeValidator(_all_covariance_types, json_schema_input_type=list[CovarianceType] | Literal["all"]),
    AfterValidator(_no_doubles),
]


def _none_if_empty(value: object) -> object:
    """TOML has no null: an empty text stands for "not given"."""
    return None if value == "" else value


EmptyIsNone = BeforeValidator(_none_if_empty)
Address = Annotated[str, Field(min_length=1)]
Folder = Annotated[Address, AfterValidator(os.path.expanduser)]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="Same data, configuration and seed give the same bits.")]
Dask = Annotated[
    str | None,
    EmptyIsNone,
    Field(description="Address of a Dask scheduler, such as tcp://host:8786; empty: a cluster in this process."),
]


class Record(BaseModel):
    """A frozen record that knows its keys and takes no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Seeded(Record):
    """A seed alone."""

    seed: Seed = 0


class Csv(Record):
    """How to read CSV files."""

    delimiter: Annotated[str | None, EmptyIsNone] = None
    """One character; by default a comma, or a tab in .tsv files."""
    header: bool = True
    """Whether the first line names the columns; else they are column_1, column_2, ..."""
    null_values: list[str] | None = None
    """Texts that mean a missing cell; by default the usual ones (empty, NA, NaN, null, ...)."""
    text_columns: list[str] = []
    """Columns that stay text whatever they hold, such as codes with leading zeros."""
    encoding: str = "utf-8"
    """Text encoding of the files."""


class Table(Record):
    """A table to read."""

    path: Address | list[Address]
    """A file, folder, glob or URL of Parquet or CSV, or a list of files; package://NAME/PATH is a file in a package."""
    csv: Csv = Csv()
    """Options for CSV files."""


class Columns(Record):
    """Roles and transforms of columns; what is not named here is inferred."""

    key: list[str] = []
    """Identifiers: carried through, never modelled."""
    continuous: list[str] = []
    """Columns of the mixture. When given, the list is complete: no other column is modelled."""
    categorical: list[str] = []
    """Categories: carried through."""
    ignored: list[str] = []
    """Carried through."""
    weight: Annotated[str | None, EmptyIsNone] = None
    """A column of row weights: weight 2 counts as the row twice."""
    transform: TransformKind = "auto"
    """Transform of every continuous column that `transforms` does not name; auto looks at its skewness."""
    transforms: dict[str, TransformKind] = {}
    """Transform by column name."""


class Candidates(Record):
    """The models to choose from."""

    n_components: Components = list(range(1, 11))
    """Numbers of components: a list, or a range such as "1:8"."""
    covariance_types: CovarianceTypes = ["full"]
    """Covariance types: full, tied, diag, spherical, or mclust's names (EII, EEI, VEI, ..., VVV), or "all" of them."""
    criterion: Criterion = "bic"
    """What the best model has least of: bic, aic, icl, awe, or cv (cross-validation)."""
    folds: int = Field(5, ge=2, le=100)
    """Parts of the table for cross-validation: every candidate is fitted once more without each."""


class Fitting(Record):
    """How models are fitted."""

    tol: float = Field(1e-6, gt=0, allow_inf_nan=False)
    """Stop when no more than this is left to gain in mean log-likelihood per row, as far as can be told."""
    max_iter: int = Field(1000, ge=1)
    """Passes over the table at most."""
    n_init: int = Field(16, ge=1)
    """Starts per candidate, tried on the sample."""
    reg_covar: float = Field(1e-6, ge=0, allow_inf_nan=False)
    """Added to the diagonal of every covariance matrix, as a share of each column's variance."""
    prior: Prior = "none"
    """inverse-wishart keeps covariance matrices from shrinking onto few rows, in the place of reg_covar."""
    sample_rows: int = Field(20_000, ge=100)
    """Rows of the sample on which transforms are chosen and starts tried (more for mixtures of many parameters)."""
    acceleration: Acceleration = "auto"
    """auto takes longer steps than expectation-maximisation, so that far fewer passes do; none takes plain steps."""


class Score(Record):
    """Options of scoring."""

    probabilities: bool = False
    """Also add one probability column per component."""
    prefix: str = ""
    """Goes before the names of added columns."""
    merged: Annotated[Folder | None, EmptyIsNone] = None
    """Where `gmm-dask merge` published the merged components of the model: rows get their cluster, too."""


class Merging(Record):
    """Options of merging components."""

    n_clusters: int | None = Field(None, ge=1)
    """How many clusters to make; by default as many as the entropy suggests."""


class ProfileJob(Record):
    """Describe a table and the roles its columns would have."""

    table: Table
    columns: Columns = Columns()
    dask: Dask = None


class PlanJob(Record):
    """Say what fitting would take: passes, seconds, memory."""

    table: Table
    columns: Columns = Columns()
    candidates: Candidates = Candidates()
    workers: int = Field(1, ge=1)
    """Dask workers."""
    threads: int = Field(1, ge=1)
    """Threads of each worker."""
    memory: str = "4GiB"
    """Memory limit of each worker, such as 4GiB."""
    passes: int = Field(50, ge=1)
    """Passes of expectation-maximisation to reckon with."""


class IngestJob(Record):
    """Read a table and publish it as Parquet."""

    source: Table
    output: Folder
    dask: Dask = None


class Updating(Record):
    """How a model takes in another table."""

    forgetting: float | None = Field(None, gt=0, le=1)
    """What the new rows count for in all that the model remembers; by default their share in all rows."""


class SelectJob(Record):
    """Fit many candidates in shared passes, save the best, publish the comparison."""

    table: Table
    model: Folder
    selection: Folder | None = None
    previous: Folder | None = None
    """A model whose segment numbers to take up; `model` itself if there is one yet."""
    columns: Columns = Columns()
    candidates: Candidates = Candidates()
    fitting: Fitting = Fitting()
    seed: Seed = 0
    dask: Dask = None


class FitJob(Record):
    """Fit one model and save it. It needs a number of components, or a start."""

    table: Table
    model: Folder
    n_components: int | None = Field(None, ge=1)
    covariance_type: CovarianceType | None = None
    """By default full, or that of the start."""
    start: Folder | None = None
    """A model to go on from, with its columns and transforms; no starts are tried."""
    previous: Folder | None = None
    """A model whose segment numbers to take up; by default that of the start. `model` itself if there is one yet."""
    columns: Columns = Columns()
    fitting: Fitting = Fitting()
    seed: Seed = 0
    dask: Dask = None


class UpdateJob(Record):
    """Take another table into a fitted model, in one pass over it."""

    model: Folder
    """The model before; it stays as it is."""
    table: Table
    output: Folder
    """Where the updated model goes: the folder of the model before, or another."""
    update: Updating = Updating()
    dask: Dask = None


class ScoreJob(Record):
    """Add segment, probability and density to every row."""

    table: Table
    model: Folder
    output: Folder
    score: Score = Score()
    dask: Dask = None


class MergeJob(Record):
    """Find out which components describe one cluster together."""

    table: Table
    model: Folder
    output: Folder
    merging: Merging = Merging()
    dask: Dask = None


class ImputeJob(Record):
    """Fill the missing cells of modelled columns."""

    table: Table
    model: Folder
    output: Folder
    dask: Dask = None


class SampleJob(Record):
    """Draw synthetic rows."""

    model: Folder
    output: Folder
    rows: int = Field(ge=1)
    seed: Seed = 0
    dask: Dask = None


class ReportJob(Record):
    """Write the HTML report of a fitted model."""

    model: Folder
    output: Folder
    """Where the page goes."""
    selection: Folder | None = None
    """The published comparison of candidates."""
    criterion: Criterion = "bic"
    title: str = "Gaussian mixture report"


class PipelineJob(Record):
    """The whole path: ingest, choose, fit, score, impute, sample, report, all under one output folder."""

    output: Folder
    """The folder that everything is published in."""
    source: Table
    columns: Columns = Columns()
    candidates: Candidates = Candidates()
    fitting: Fitting = Fitting()
    score: Score = Score()
    keep_labels: bool = False
    """Whether segments take up the numbers that they have in the model of the run before, where there is one."""
    sample_rows: int = Field(100_000, ge=0)
    """Synthetic rows to draw; 0 for none."""
    report: bool = True
    """Whether to write report.html (needs the extra `report`)."""
    seed: Seed = 0
    dask: Dask = None


R = TypeVar("R", bound=Record)


def load_config(path: str | Path, record: type[R], **overrides: object) -> R:
    """Read a TOML file into a record. Raises UsageError naming the file, the key, and the near one."""
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        beside = Path(path).resolve().parent
        names = [entry.name for entry in beside.glob("*.toml")] if beside.is_dir() else []
        raise UsageError(
            "no such configuration", where=str(path), advice=did_you_mean(Path(path).name, names)
        ) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", expected="a TOML file", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not TOML: {error}", where=str(path)) from None
    return validated(record, values | {key: value for key, value in overrides.items() if value is not None}, str(path))


def validated(record: type[R], values: dict[str, Any], where: str = "") -> R:
    """A record from plain values. Raises UsageError with one line per fault."""
    try:
        return record.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(_fault(record, detail) for detail in error.errors())
        raise UsageError(faults, where=where, advice="`gmm-dask config` prints every key with what it means.") from None


def _fault(record: type[BaseModel], detail: ErrorDetails) -> str:
    *path, last = detail["loc"] or ("",)
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"unknown key {key!r}. {did_you_mean(str(last), _keys_at(record, path)).removesuffix('.')}"
    if detail["type"] == "missing":
        return f"key {key!r} is missing"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{key} = {detail['input']!r}: {message[0].lower()}{message[1:]}"


def _keys_at(record: type[BaseModel], path: list[Any]) -> list[str]:
    for part in path:
        inner = record.model_fields[part].annotation if part in record.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        record = inner
    return list(record.model_fields)
