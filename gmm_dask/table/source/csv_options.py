"""How CSV files are to be read."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from gmm_dask.errors import UsageError

NULL_VALUES = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None", "?")
"""The texts that stand for a missing value unless told otherwise: what R, pandas, SQL tools and the UCI files write."""


@dataclass(frozen=True)
class CsvOptions:
    """delimiter: between values; None for a tab in `.tsv` files, else a comma. null_values: texts that mean "missing",
    in columns of any type, quoted or not, spaces around them aside. header: whether the first row holds the names;
    without it columns are column_1, column_2 and so on. encoding: a name Python knows. text_columns: columns that stay
    text whatever they hold, such as codes with leading zeros.
    """

    delimiter: str | None = None
    null_values: tuple[str, ...] = NULL_VALUES
    header: bool = True
    encoding: str = "utf-8"
    text_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.delimiter is not None and len(self.delimiter.encode()) != 1:
            raise UsageError(f"CSV delimiter {self.delimiter!r}", expected="one ASCII character")
        if self.delimiter is not None and self.delimiter in '"\r\n':
            raise UsageError(f"CSV delimiter {self.delimiter!r}", expected="neither a quote nor a line break")
        try:
            codecs.lookup(self.encoding)
        except LookupError as error:
            raise UsageError(f"CSV encoding {self.encoding!r}", expected="an encoding that Python knows") from error

    def delimiter_of(self, path: str) -> str:
        """The delimiter of a file whose path, without a compression ending, is `path`."""
        return self.delimiter or ("\t" if path.endswith(".tsv") else ",")
