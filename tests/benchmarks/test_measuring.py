"""What the benchmarks share, and the search for the fewest iterations."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module from where the benchmarks lie; they are commands, no package, and are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == BENCHMARKS:
            del sys.modules[name]


def test_runs_alternate_after_one_round_that_does_not_count(module: Callable[[str], ModuleType]) -> None:
    calls: list[str] = []
    functions = {name: lambda name=name: calls.append(name) or len(calls) for name in ("a", "b")}
    measured = module("measuring").alternating(functions, 2)
    assert calls == ["a", "b"] * 3
    assert {name: len(each.seconds) for name, each in measured.items()} == {"a": 2, "b": 2}
    assert (measured["a"].result, measured["b"].result) == (5, 6)


def test_the_median_is_of_the_runs(module: Callable[[str], ModuleType]) -> None:
    assert module("measuring").Measured((3.0, 1.0, 2.0), None).median == 2


def test_absent_values_are_dashes_and_factors_change_units(
    module: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    measuring = module("measuring")
    table = measuring.Table(measuring.Column("a", "milliseconds", ".1f", 1e3), measuring.Column("b", "b"))
    table.row({"a": 0.0125, "b": None})
    heads, cells = capsys.readouterr().out.splitlines()
    assert heads.split() == ["milliseconds", "b"]
    assert cells.split() == ["12.5", "-"]
    assert len(heads) == len(cells)


def test_cores_are_held_and_given_back(module: Callable[[str], ModuleType]) -> None:
    before = os.sched_getaffinity(0)
    with module("measuring").on_cores(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
    with pytest.raises(SystemExit, match="cores are asked for"), module("measuring").on_cores(len(before) + 1):
        pass


def test_an_absent_peer_is_named(module: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]) -> None:
    measuring = module("measuring")
    assert not measuring.has_peer("no_such_module", "Nobody")
    assert "Nobody is left out" in capsys.readouterr().out
    assert measuring.has_peer("numpy", "NumPy")


def test_json_holds_results_options_and_environment(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    measuring, written = module("measuring"), tmp_path / "results.json"
    measuring.write_json(argparse.Namespace(json=None), [{"a": 1}])
    measuring.write_json(argparse.Namespace(json=written, runs=3), [{"a": 1}])
    record = json.loads(written.read_text(encoding="utf-8"))
    assert record["results"] == [{"a": 1}]
    assert record["options"]["runs"] == 3
    assert record["environment"]["cores"] == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("guess", [1, 2, 6, 7, 8, 30])
@pytest.mark.parametrize("least", [1, 2, 7])
def test_the_fewest_iterations_are_found_from_any_guess(
    module: Callable[[str], ModuleType], guess: int, least: int
) -> None:
    assert module("fit").fewest(lambda iterations: iterations >= least, guess) == least


def test_a_goal_out_of_reach_is_an_error(module: Callable[[str], ModuleType]) -> None:
    with pytest.raises(SystemExit, match="do not come as far"):
        module("fit").fewest(lambda iterations: False, 5)
