"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmm_dask.compiling import compile_all


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Compiled from the source as it is now, by no test in particular."""
    compile_all()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real tables that lies beside a development checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real tables in {folder}")
    return folder
