"""A configuration to start from, written from the records themselves so that it cannot fall behind them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from gmm_dask.config import PipelineJob

_EXAMPLES: dict[str, object] = {"output": "output", "source.path": "warehouse/customers/*.parquet"}
_SHOWN: dict[str, object] = {"candidates.n_components": "1:10", "source.csv.null_values": ["", "NA", "NULL"]}


def template() -> str:
    """TOML with every key of a pipeline, its default, and what it means; keys without a default come as examples."""
    lines = ["# A pipeline for `gmm-dask run`. Keys that are commented out show their defaults.", ""]
    lines += _section(PipelineJob, "")
    return "\n".join(lines)


def _section(record: type[BaseModel], path: str) -> list[str]:
    plain, nested = [], []
    for name, field in record.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            key = f"{path}{name}"
            nested += ["", f"[{key}]", *_section(inner, f"{key}.")]
        else:
            plain += _key(f"{path}{name}", name, field.description, field.get_default(call_default_factory=True))
    return plain + nested


def _key(path: str, name: str, description: str | None, default: Any) -> list[str]:
    comment = [f"# {' '.join(description.split())}"] if description else []
    if path in _EXAMPLES:
        return [*comment, f"{name} = {_toml(_EXAMPLES[path])}"]
    return [*comment, f"# {name} = {_toml(_SHOWN.get(path, default))}"]


def _toml(value: object) -> str:
    if value is None:
        return '""'
    # JSON's strings, numbers, booleans and lists are TOML's as well, and an empty object is an empty inline table.
    return json.dumps(value)
