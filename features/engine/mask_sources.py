"""Feature rows with some sources masked, as if they had never reported.

In a world where every firm has a meter no model learns what to make of a firm without one; a
lender that buys tax records alone has nothing but such firms.
"""

from collections.abc import Mapping

import polars as pl

from features.arrays import Bools
from features.contract.tables import SOURCES
from features.loan.catalogue import OPEN_LOAN_FEATURES
from features.table.feature import PEER_PREFIX
from features.table.frames import TOGETHER

MASKABLE = (*SOURCES, "register")
"""What can be hidden: the data sources, and what the register and the application say."""


def mask_sources(features: pl.DataFrame, hidden: Mapping[str, Bools]) -> pl.DataFrame:
    """Mask sources in feature rows.

    Parameters
    ----------
    features : polars.DataFrame of n rows
        From `features.engine.build.build_features`, or of open loans from
        `features.loan.build.build_loan_features`.
    hidden : mapping of name in `MASKABLE` to ndarray of shape (n,)
        Which rows lose that source.

    Returns
    -------
    polars.DataFrame of n rows
        The figures that `build_features` gives without those records. What an open loan's sources
        say together is missing where one of them is gone.
    """
    table = [f for f in OPEN_LOAN_FEATURES if f.name in features.columns]
    gone = {name: pl.Series(name, mask, pl.Boolean) for name, mask in hidden.items()}
    frame = features.with_columns(
        _without(pl.col(f.name), gone[f.source]) for f in table if f.source in gone
    )
    frame = frame.with_columns(
        pl.when(gone[source]).then(0.0).otherwise(pl.col(f"{what}_{source}")).cast(pl.Float32)
        .alias(f"{what}_{source}")
        for source in SOURCES
        if source in gone
        for what in ("coverage", "history")
    )  # fmt: skip
    some = pl.any_horizontal(*gone.values()) if gone else pl.lit(value=False)
    frame = frame.with_columns(_without(pl.col(f.name), some) for f in table if f.frame == TOGETHER)
    frame = frame.with_columns(
        pl.when(some)
        .then(f.formula.expression)
        .otherwise(pl.col(f.name))
        .cast(pl.Float32)
        .alias(f.name)
        for f in table
        if f.frame == "cross_source"
    )
    unplaced = gone.get("register", pl.Series("register", [False], pl.Boolean))
    return frame.with_columns(
        _without(
            pl.col(f.name),
            pl.any_horizontal(
                pl.lit(unplaced),
                *[pl.col(name).is_null() for name in f.inputs if not name.startswith(PEER_PREFIX)],
            ),
        )
        for f in table
        if f.frame == "peers"
    )


def _without(figure: pl.Expr, gone: pl.Expr | pl.Series) -> pl.Expr:
    return pl.when(~gone).then(figure)
