"""R's mclust as a live oracle, where it is installed."""

import shutil
import subprocess
from functools import cache

import numpy as np
import pytest


@cache
def has_mclust():
    command = ["Rscript", "-e", "suppressMessages(library(mclust))"]
    return bool(shutil.which("Rscript")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


def in_mclust(script, **matrices):
    """What a script prints that sees these matrices by name. Skips the test where there is no R with mclust."""
    if not has_mclust():
        pytest.skip("needs R with mclust (Debian: r-base-core, r-cran-mclust)")
    given = "".join(f"{name} <- {_matrix(values)};\n" for name, values in matrices.items())
    text = f"suppressMessages(library(mclust)); options(digits=15);\n{given}{script}\n"
    done = subprocess.run(["Rscript", "-"], input=text, capture_output=True, text=True, check=True)
    return done.stdout


def numbers(text, sizes):
    """The numbers printed, in parts of these sizes."""
    found = np.array(text.split(), float)
    assert found.size == sum(sizes)
    return np.split(found, np.cumsum(sizes)[:-1])


def _matrix(values):
    cells = ",".join(map(repr, np.asarray(values, float).T.ravel().tolist()))
    return f"matrix(c({cells}), ncol={values.shape[1]})"
