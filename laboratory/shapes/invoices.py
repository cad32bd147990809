"""Shape statistics of a firm's invoices."""

import polars as pl


def invoice_shapes(invoices):
    """Shape statistics of each firm's invoices over a window of DAYS days."""
    out, bought = pl.col("direction") == "output", pl.col("direction") == "input"
    valid = pl.col("status") == "valid"
    good = valid & (pl.col("amount_cny") > 0)
    gross = (pl.col("amount_cny") + pl.col("tax_cny")).round(2)
    frame = invoices.with_columns(gross=gross, month=(pl.col("day") // 30).clip(0, 14))

    def side(which, name):
        direction = frame.filter(which)
        monthly = (
            direction.filter(good)
            .group_by("firm", "month")
            .agg(cny=pl.col("amount_cny").sum(), n=pl.len())
        )
        grid = (
            direction.select("firm")
            .unique()
            .join(
                pl.DataFrame({"month": range(15)}, schema={"month": frame.schema["month"]}),
                how="cross",
            )
            .join(monthly, on=["firm", "month"], how="left")
            .with_columns(pl.col("cny", "n").fill_null(0))
            .sort("firm", "month")
        )
        by_month = grid.group_by("firm").agg(
            (pl.col("cny").std() / pl.col("cny").mean()).alias(f"{name}_month_cv"),
            (pl.col("n").std() / pl.col("n").mean()).alias(f"{name}_month_count_cv"),
            pl.corr("cny", pl.col("cny").shift(1)).alias(f"{name}_month_lag"),
            (pl.col("n") > 0).mean().alias(f"{name}_active_months"),
            ((pl.col("cny").tail(4).sum() + 1) / (pl.col("cny").head(4).sum() + 1))
            .log()
            .alias(f"{name}_growth"),
        )
        partner = (
            direction.filter(good)
            .group_by("firm", "partner")
            .agg(cny=pl.col("amount_cny").sum(), n=pl.len())
        )
        partners = partner.group_by("firm").agg(
            (pl.col("cny").max() / pl.col("cny").sum()).alias(f"{name}_top_partner"),
            ((pl.col("cny") / pl.col("cny").sum()) ** 2).sum().alias(f"{name}_partner_hhi"),
            (pl.len().log() / (pl.col("n").sum() + 1).log()).alias(f"{name}_partners"),
            (pl.col("n") == 1).mean().alias(f"{name}_once_only"),
        )
        daily = direction.group_by("firm", "day").agg(n=pl.len())
        days = daily.group_by("firm").agg(
            (pl.col("n").mean()).log().alias(f"{name}_per_active_day"),
            (pl.col("n").max() / pl.col("n").mean()).alias(f"{name}_busiest_day"),
        )
        rows = direction.group_by("firm").agg(
            pl.len().log().alias(f"{name}_count"),
            (pl.col("amount_cny").filter(good).sum() + 1).log().alias(f"{name}_total"),
            (~valid).mean().alias(f"{name}_void"),
            (valid & (pl.col("amount_cny") < 0)).mean().alias(f"{name}_red"),
            pl.col("amount_cny").filter(good).log().std().alias(f"{name}_amount_sd"),
            pl.col("amount_cny").filter(good).log().skew().alias(f"{name}_amount_skew"),
            (pl.col("gross").filter(good) % 100 == 0).mean().alias(f"{name}_round_100"),
            (pl.col("gross").filter(good) % 1 == 0).mean().alias(f"{name}_round_1"),
            pl.col("amount_cny").is_duplicated().mean().alias(f"{name}_repeated"),
            (pl.col("issued_on").dt.weekday() > 5).mean().alias(f"{name}_weekend"),
            (pl.col("issued_on").dt.day() >= 25).mean().alias(f"{name}_month_end"),
        )
        joined = rows.join(by_month, on="firm", how="left").join(partners, on="firm", how="left")
        return joined.join(days, on="firm", how="left")

    return side(out, "sales").join(side(bought, "purchases"), on="firm", how="left")
