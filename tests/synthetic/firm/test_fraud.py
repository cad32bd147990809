"""What bad actors leave in the records, read from a world where every tenth firm is one."""

import numpy as np
import polars as pl
import pytest

from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.world import bucket_world

KINDS = ("shell", "invoice_inflation", "brushing")


@pytest.fixture(scope="module")
def tables():
    config = load_config()
    share = {"shell_share": 0.1, "inflation_share": 0.1, "brushing_share": 0.1}
    fraud = config.fraud.model_copy(update=share)
    until_applied = config.calendar.model_copy(update={"follow_days": 0})
    config = config.model_copy(update={"fraud": fraud, "calendar": until_applied})
    return bucket_world(1_000, 0, backdrop(5, config))


def firms(tables, kind):
    """Ids of one kind of bad actor, or of the honest."""
    truth = tables["truth"]
    if kind == "honest":
        return truth.filter(~pl.any_horizontal(KINDS))["firm_id"]
    return truth.filter(kind)["firm_id"]


def of(tables, table, kind):
    return tables[table].filter(pl.col("firm_id").is_in(firms(tables, kind).implode()))


def recent_rise(rows, figure):
    """Median over firms: a day's figure of the last 60 days against the year before them."""
    last = last_day(rows)
    rows = rows.join(last, on="firm_id").with_columns(
        age=(pl.col("last") - pl.col("date")).dt.total_days()
    )
    per_firm = rows.group_by("firm_id").agg(
        now=figure.filter(pl.col("age") < 60).sum() / 60,
        before=figure.filter(pl.col("age").is_between(200, 364)).sum() / 165,
    )
    per_firm = per_firm.filter((pl.col("before") > 0) & (pl.col("now") > 0))
    return per_firm.select((pl.col("now") / pl.col("before")).median()).item()


def last_day(rows):
    return rows.group_by("firm_id").agg(last=pl.col("date").max())


def test_a_shell_has_an_even_meter_and_hardly_buys(tables):
    kwh = pl.sum_horizontal("kwh_peak", "kwh_flat", "kwh_valley")
    unevenness = {
        kind: of(tables, "electricity", kind)
        .group_by("firm_id")
        .agg(cv=kwh.std() / kwh.mean())["cv"]
        for kind in ("shell", "honest")
    }
    assert unevenness["shell"].median() < 0.2
    assert (unevenness["honest"] < unevenness["shell"].median()).mean() < 0.05
    sums = {
        kind: of(tables, "invoices", kind).group_by("direction").agg(pl.col("amount_cny").sum())
        for kind in ("shell", "honest")
    }
    bought_to_sold = {
        kind: rows.filter(direction="input")["amount_cny"].item()
        / rows.filter(direction="output")["amount_cny"].item()
        for kind, rows in sums.items()
    }
    assert bought_to_sold["shell"] < 0.5 * bought_to_sold["honest"]


def test_invented_invoices_go_to_a_few_friends(tables):
    sold = of(tables, "invoices", "shell").filter(direction="output")
    assert (
        sold.group_by("firm_id").agg(n=pl.col("counterparty_id").n_unique())["n"].max()
        <= load_config().fraud.friends
    )


def test_inflated_sales_leave_no_other_trace(tables):
    def rise(kind, table, figure):
        rows = of(tables, table, kind)
        if table == "invoices":
            rows = rows.filter(direction="output").rename({"issued_on": "date"})
        return recent_rise(rows, figure)

    sales = pl.col("amount_cny")
    assert rise("invoice_inflation", "invoices", sales) > 1.5 * rise("honest", "invoices", sales)
    for table, figure in (
        ("electricity", pl.col("kwh_flat")),
        ("logistics", pl.col("parcels_out")),
        ("ecommerce", pl.col("orders")),
    ):
        ratio = rise("invoice_inflation", table, figure) / rise("honest", table, figure)
        assert 0.7 < ratio < 1.4, table


def test_fake_orders_bring_no_visitors_and_no_parcels(tables):
    shops = {kind: of(tables, "ecommerce", kind) for kind in ("brushing", "honest")}
    parcels = {kind: of(tables, "logistics", kind) for kind in ("brushing", "honest")}

    def against_honest(rows, figure):
        return recent_rise(rows["brushing"], figure) / recent_rise(rows["honest"], figure)

    assert against_honest(shops, pl.col("orders")) > 1.5
    assert 0.7 < against_honest(shops, pl.col("visitors")) < 1.4
    assert 0.7 < against_honest(parcels, pl.col("parcels_out")) < 1.4


def test_true_pd_holds_the_intent_of_its_kind(tables):
    intents = load_config().fraud.intent
    for kind, intent in zip(KINDS, intents, strict=True):
        pd = tables["truth"].filter(kind)["true_pd"]
        assert pd.min() >= intent - 1e-9
        assert np.isclose(pd.quantile(0.1), intent, atol=0.02)
