"""The HTML report: one self-contained page about a fitted model; and what can be said of a choice in a few words."""

from gmm_dask.report.comparison import Comparison
from gmm_dask.report.page import Stage, check_available, render_report
from gmm_dask.report.verdict import verdict

__all__ = ["Comparison", "Stage", "check_available", "render_report", "verdict"]
