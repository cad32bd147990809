"""Columns of a challenger beside those of the champion."""

import polars as pl

from scoring.run.output import REASONS, SEPARATOR, SHADOW


def shadow_columns(champion: pl.DataFrame, shadow: pl.DataFrame) -> pl.DataFrame:
    """What the challenger says of the same applicants, and how many reasons both name.

    Parameters
    ----------
    champion, shadow : polars.DataFrame of n rows
        Schema `scoring.run.output.SCHEMA`, each by its own model, in the same order.

    Returns
    -------
    polars.DataFrame of n rows, schema `scoring.run.output.SHADOW`
        `shared_reasons` is empty where nobody was scored.
    """
    named = [f"reason_{k}" for k in range(1, REASONS + 1)]
    theirs, ours = (
        frame.select(codes=pl.concat_list(named).list.drop_nulls())["codes"]
        for frame in (shadow, champion)
    )
    both = pl.DataFrame({"ours": ours, "theirs": theirs}).select(
        pl.col("ours").list.set_intersection("theirs").list.len().cast(pl.Int64)
    )
    scored = (champion["status"] == "scored") & (shadow["status"] == "scored")
    columns = {
        "shadow_score": shadow["score"],
        "shadow_pd": shadow["pd"],
        "shadow_grade": shadow["grade"],
        "shadow_decision": shadow["decision"],
        "shadow_reasons": theirs.list.join(SEPARATOR),
        "shared_reasons": both.to_series().set(~scored, None),
        "shadow_model": shadow["model"],
    }
    return pl.DataFrame(
        [columns[name].alias(name).cast(dtype) for name, dtype in SHADOW.items()]
    ).with_columns(pl.col("shadow_reasons").replace("", None))
