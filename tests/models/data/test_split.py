import datetime as dt

import polars as pl
import pytest

from features.contract.errors import ContractError
from models.data.split import SLICES, side, split
from models.settings import read_settings

CONFIG = read_settings().split


def applications(rows=1_200, firms=None):
    """Six quarters of 2023 and 2024: every tenth bad, every seventh refused, some not taken."""
    return pl.DataFrame(
        {
            "firm_id": [f"F{i % (firms or rows):05}" for i in range(rows)],
            "as_of": [
                dt.date(2023, 1, 1) + dt.timedelta(days=i * 546 // rows) for i in range(rows)
            ],
            "approved": [i % 7 != 0 for i in range(rows)],
            "accepted": [None if i % 7 == 0 else i % 11 != 0 for i in range(rows)],
            "defaulted": [None if i % 7 == 0 or i % 11 == 0 else i % 10 == 0 for i in range(rows)],
        }
    )


def test_slices_follow_the_calendar():
    parts = split(applications(), config=CONFIG)
    spans = parts.rows.group_by("slice").agg(
        pl.col("as_of").min().alias("first"), pl.col("as_of").max().alias("last")
    )
    spans = {row["slice"]: (row["first"], row["last"]) for row in spans.iter_rows(named=True)}
    assert spans["train"] == (dt.date(2023, 1, 1), dt.date(2023, 12, 31))
    assert spans["calibration"][0] == dt.date(2024, 1, 1)
    assert spans["out_of_time"][0] == dt.date(2024, 4, 1)
    assert not parts.by_firm


def test_every_row_is_counted_once():
    for firms in (None, 300):
        counts = split(applications(firms=firms), config=CONFIG).counts
        kept = sum(counts[f"{name}_rows"] for name in SLICES)
        dropped = sum(value for key, value in counts.items() if key.startswith("dropped_"))
        assert kept + dropped == counts["rows"] == 1_200
        assert counts["dropped_refused"] > 0
        assert counts["dropped_not_accepted"] > 0
        assert counts["dropped_not_observed"] == 0


def test_a_label_not_yet_observed_is_counted_as_such():
    late = pl.col("as_of") >= dt.date(2024, 6, 1)
    label = pl.when(late).then(None).otherwise("defaulted")
    rows = applications().with_columns(label.alias("defaulted"))
    counts = split(rows, config=CONFIG).counts
    waiting = rows.filter(late & pl.col("approved") & pl.col("accepted")).height
    assert counts["dropped_not_observed"] == waiting > 0


def test_a_firm_that_comes_back_is_on_one_side_only():
    parts = split(applications(firms=300), config=CONFIG)
    assert parts.by_firm
    assert parts.counts["dropped_other_side"] > 0
    kept = parts.rows.filter(pl.col("slice").is_not_null())
    assert kept.group_by("firm_id").agg(pl.col("slice").n_unique())["slice"].max() == 1
    for firm, slice_ in kept.select("firm_id", "slice").unique().iter_rows():
        assert side(firm, CONFIG) == slice_


def test_sides_have_the_shares_asked_for():
    sides = [side(f"F{i}", CONFIG) for i in range(20_000)]
    for name, share in (("train", 0.6), ("calibration", 0.2), ("out_of_time", 0.2)):
        assert sides.count(name) / 20_000 == pytest.approx(share, abs=0.015)


def test_dates_may_be_given():
    config = CONFIG.model_copy(
        update={"calibration_from": dt.date(2024, 2, 1), "out_of_time_from": dt.date(2024, 5, 1)}
    )
    parts = split(applications(), config=config)
    assert parts.rows.filter(slice="calibration")["as_of"].min() == dt.date(2024, 2, 1)
    assert parts.rows.filter(slice="out_of_time")["as_of"].min() == dt.date(2024, 5, 1)


def test_too_short_a_history_is_said():
    rows = applications().filter(pl.col("as_of") < dt.date(2023, 6, 1))
    with pytest.raises(ContractError, match=r"observed in 2 calendar quarter\(s\), expected more"):
        split(rows, config=CONFIG)


@pytest.mark.parametrize(("label", "lack"), [(False, "no bads"), (True, "no goods")])
def test_a_slice_of_one_class_is_said(label, lack):
    late = pl.col("as_of") >= dt.date(2024, 4, 1)
    rows = applications().with_columns(
        pl.when(late & pl.col("approved"))
        .then(pl.lit(label))
        .otherwise("defaulted")
        .alias("defaulted")
    )
    with pytest.raises(ContractError, match=rf"{lack} in the out_of_time slice \(\d+ labelled"):
        split(rows, config=CONFIG)
