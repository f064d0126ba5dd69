"""What a fit will cost, before it runs: passes, seconds and memory, from a model of costs and a few measurements."""

from gmm_dask.planning.model import Cluster, Plan, TableShape, plan_fit, size
from gmm_dask.planning.rates import Rates, TableRates, kernel_rates, table_rates

__all__ = [
    "Cluster",
    "Plan",
    "Rates",
    "TableRates",
    "TableShape",
    "kernel_rates",
    "plan_fit",
    "size",
    "table_rates",
]
