"""Signal tables of the contract, from the arrays of a bucket."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from features.arrays import Array, FloatArray
from features.contract.tables import AREAS, BUCKET_FIRMS, LEGAL_FORMS, SOURCES
from features.contract.validation import conform
from synthetic.firm.coverage import Coverage
from synthetic.firm.work import Days
from synthetic.records.ids import BucketIds
from synthetic.setting.months import Months
from synthetic.setting.places import CITIES, CLUSTERS, COUNTIES
from synthetic.signals.bills import NEVER, Bills
from synthetic.signals.ecommerce import Shops
from synthetic.signals.faults import (
    NOT_LATE,
    MeterFaults,
    courier_delay,
    invoice_delay,
    meter_faults,
    swap_meters,
)
from synthetic.signals.filings import Filings
from synthetic.signals.invoices import OUTPUT, Invoices
from synthetic.signals.logistics import Parcels


@dataclass(frozen=True)
class Recorder:
    """Builder of contract tables from a bucket's arrays, as known on some day of each firm.

    What happens later (a late payment, a void) is not in the records yet.

    Attributes
    ----------
    seen_until : ndarray of shape (n_firms,)
        World day up to which records have come: the application, or later where they go on.
    """

    ids: BucketIds
    days: Days
    months: Months
    cover: Coverage
    seen_until: Array

    def firms(self) -> pl.DataFrame:
        """The register."""
        p = self.ids.population
        founded = p.applied - np.round(p.age_years * 365.25).astype(np.int64)
        clusters = np.array([c.name for c in CLUSTERS] + [None], object)
        columns = {
            "legal_form": np.array(LEGAL_FORMS, object)[p.form],
            "sector": np.array(self.ids.bucket.config.trade_names, object)[p.trade],
            "city": np.array([c.name for c in CITIES], object)[p.city],
            "county": np.array(COUNTIES, object)[p.county],
            "area": np.array(AREAS, object)[p.area],
            "cluster": clusters[p.cluster],
        }
        text = {name: pl.Series(list(values), dtype=pl.String) for name, values in columns.items()}
        numbers = {
            "founded_on": self.ids.dates(founded),
            "registered_capital_cny": p.capital_cny,
            "employees": p.employees,
            "owner_age": p.owner_age,
        }
        return conform(
            pl.DataFrame([self.ids.firm_ids]).hstack(pl.DataFrame(text | numbers)), "firms"
        )

    def coverage(self) -> pl.DataFrame:
        """Covered sources, each from its first day on."""
        parts = []
        for source in SOURCES:
            begins = getattr(self.cover, source)
            rows = np.flatnonzero(begins >= 0)
            start = self.days.index[rows, 0] + begins[rows]
            parts.append(
                pl.DataFrame(
                    {
                        "firm_id": self.ids.firm_ids.gather(rows),
                        "source": pl.Series([source] * len(rows), dtype=pl.String),
                        "covered_from": self.ids.dates(start),
                    }
                )
            )
        return conform(pl.concat(parts), "coverage")

    def invoices(self, *both: Invoices) -> pl.DataFrame:
        """Invoices of covered days, sales and purchases."""
        return conform(pl.concat([self._invoices(issued) for issued in both]), "invoices")

    def _invoices(self, issued: Invoices) -> pl.DataFrame:
        delay = self._delay(issued)
        known = self.days.index[issued.firm, issued.day] + 1 + delay
        keep = self._covered(self.cover.tax)[issued.firm, issued.day]
        keep &= known <= self.seen_until[issued.firm]
        firm, day = issued.firm[keep], issued.day[keep]
        number, partner = issued.number[keep], issued.partner[keep]
        sales = issued.direction == OUTPUT
        date = self.days.index[firm, day]
        wait = issued.voided[keep]
        voided = date + wait
        void = (wait >= 0) & (voided < self.seen_until[firm])
        frame = pl.DataFrame(
            {
                "firm": firm,
                "number": number,
                "partner": partner,
                "buyer": self.ids.population.core[firm] if sales else np.full(len(firm), -1),
                "issued_on": self.ids.dates(date),
                "amount_cny": issued.amount_cny[keep],
                "tax_cny": issued.tax_cny[keep],
                "void": void,
                "voided_on": self.ids.dates(voided, never=~void),
                "known_on": self.ids.dates(known[keep], never=delay[keep] == NOT_LATE),
            }
        )
        letter = "B" if sales else "S"
        tail = pl.col("firm") + self.ids.bucket.number * BUCKET_FIRMS
        private = pl.format(letter + "{}-{}", tail, pl.col("partner"))
        shared = pl.format("CORE{}", pl.col("buyer"))
        core = (pl.col("buyer") >= 0) & (pl.col("partner") == 0)
        return frame.select(
            self.ids.firm_ids.gather(firm),
            direction=pl.lit("output" if sales else "input"),
            invoice_id=_invoice_ids(issued.direction, number),
            line=pl.lit(None, pl.Int64),
            issued_on=pl.col("issued_on"),
            counterparty_id=pl.when(core).then(shared).otherwise(private),
            amount_cny=pl.col("amount_cny"),
            tax_cny=pl.col("tax_cny"),
            status=pl.when("void").then(pl.lit("void")).otherwise(pl.lit("valid")),
            voided_on=pl.col("voided_on"),
            known_on=pl.col("known_on"),
        )

    def tax_filings(self, filed: Filings) -> pl.DataFrame:
        """Filings of the months since the tax source began, if due by the last day seen."""
        begins = self.cover.tax
        since = (begins >= 0)[:, None] & (
            self.months.starts - self.months.first[:, None] >= begins[:, None]
        )
        due = filed.due < self.seen_until[:, None]
        firm, month = np.nonzero(since & (due | self._on_time(filed.filed)))
        cells = (firm, month)
        has_filed = self._happened(filed.filed[cells], firm)
        has_paid = has_filed & self._happened(filed.paid[cells], firm)
        return conform(
            pl.DataFrame(
                {
                    "firm_id": self.ids.firm_ids.gather(firm),
                    "period_end": self.ids.dates(self.months.ends[cells]),
                    "due_on": self.ids.dates(filed.due[cells]),
                    "filed_on": self.ids.dates(filed.filed[cells], never=~has_filed),
                    "declared_sales_cny": _where(has_filed, filed.sales_cny[cells]),
                    "tax_due_cny": _where(has_filed, filed.tax_cny[cells]),
                    "tax_paid_cny": _where(has_paid, filed.tax_cny[cells]),
                    "paid_on": self.ids.dates(filed.paid[cells], never=~has_paid),
                }
            ),
            "tax_filings",
        )

    def electricity(self, kwh: FloatArray) -> pl.DataFrame:
        """One row a firm and day, of kWh by band, shape (3, n_firms, n_days)."""
        keep = self._covered(self.cover.electricity)
        fault = self._meter
        kwh = swap_meters(kwh, fault.swapped & keep)
        final = self._readings(kwh, keep & ~fault.lost, fault.delay)
        guessed = keep & (fault.estimate != 1)
        first = self._readings(kwh * fault.estimate, guessed, np.zeros_like(fault.delay))
        return conform(pl.concat([first, final]), "electricity")

    def _readings(self, kwh: FloatArray, keep: Array, delay: Array) -> pl.DataFrame:
        keep = keep & self._arrived(delay, 1)
        bands = {name: np.round(kwh[k][keep], 2) for k, name in enumerate(_BANDS)}
        return self._daily(keep, bands | {"known_on": self._known(keep, delay, 1)})

    def _arrived(self, delay: Array, lag: int) -> Array:
        """Whether rows of the days (n_firms, n_days) have arrived."""
        return np.asarray(self.days.index + lag + delay <= self.seen_until[:, None])

    def _known(self, keep: Array, delay: Array, lag: int) -> pl.Series:
        """Day on which late rows became known, empty for those that came in time."""
        known = self.days.index[keep] + lag + delay[keep]
        return self.ids.dates(known, never=delay[keep] == NOT_LATE)

    def electricity_bills(self, charged: Bills) -> pl.DataFrame:
        """Bills sent by the last day seen."""
        begins = self.cover.electricity[:, None]
        metered = self.months.starts - self.months.first[:, None] >= begins
        sent = metered & self._on_time(charged.billed)
        cells = np.nonzero(sent)
        firm = cells[0]
        paid = self._happened(charged.paid[cells], firm)
        return conform(
            pl.DataFrame(
                {
                    "firm_id": self.ids.firm_ids.gather(firm),
                    "billed_on": self.ids.dates(charged.billed[cells]),
                    "due_on": self.ids.dates(charged.due[cells]),
                    "paid_on": self.ids.dates(charged.paid[cells], never=~paid),
                    "amount_cny": np.maximum(charged.amount_cny[cells], 0),
                }
            ),
            "electricity_bills",
        )

    def logistics(self, parcels: Parcels) -> pl.DataFrame:
        """Days with parcels; no row is a day without."""
        delay = self._courier
        keep = self._carried(parcels)
        keep &= self._arrived(delay, 2)
        columns = {
            "parcels_out": parcels.out[keep],
            "parcels_in": parcels.inward[keep],
            "weight_kg": parcels.weight_kg[keep],
            "destinations": parcels.destinations[keep],
            "late_parcels": parcels.late[keep],
            "known_on": self._known(keep, delay, 2),
        }
        return conform(self._daily(keep, columns), "logistics")

    def ecommerce(self, shops: Shops) -> pl.DataFrame:
        """Days with visitors; no row is a day without."""
        keep = self._covered(self.cover.ecommerce) & (shops.visitors > 0)
        columns = {
            "visitors": shops.visitors[keep],
            "orders": shops.orders[keep],
            "gmv_cny": shops.gmv_cny[keep],
            "refunds": shops.refunds[keep],
            "refund_cny": shops.refund_cny[keep],
            "reviews": shops.reviews[keep],
            "bad_reviews": shops.bad[keep],
            "rating_mean": pl.Series(shops.rating[keep]).fill_nan(None),
            "buyers": shops.buyers[keep],
            "repeat_buyers": shops.repeat[keep],
        }
        return conform(self._daily(keep, columns), "ecommerce")

    def faults(self, parcels: Parcels, *both: Invoices) -> pl.DataFrame:
        """The answer key of the injected data faults, one row per faulty row of a signal table.

        Columns: firm_id, table, date, invoice_id (invoices only), kind {gap, late, corrected,
        meter_swap}, known_on (when the row, or its correction, became known; empty for gaps and
        meter swaps). What would have become known after the last day seen is not in the records.
        """
        meter, metered = self._meter, self._covered(self.cover.electricity)
        guessed = meter.estimate != 1
        parts = [
            self._faulty("electricity", "gap", metered & meter.lost),
            self._faulty(
                "electricity", "late", metered & ~guessed & (meter.delay != NOT_LATE), meter.delay
            ),
            self._faulty("electricity", "corrected", metered & guessed, meter.delay),
            self._faulty("electricity", "meter_swap", metered & meter.swapped),
            self._faulty(
                "logistics",
                "late",
                self._carried(parcels) & (self._courier != NOT_LATE),
                self._courier,
                lag=2,
            ),
        ]
        parts += [self._late_invoices(issued) for issued in both]
        key = pl.concat([part.select(_FAULT_COLUMNS) for part in parts])
        return key.sort("firm_id", "table", "date", "kind", "invoice_id", maintain_order=True)

    def _faulty(
        self, table: str, kind: str, where: Array, delay: Array | None = None, *, lag: int = 1
    ) -> pl.DataFrame:
        known = {} if delay is None else {"known_on": self._known(where, delay, lag)}
        return self._daily(where, known).select(
            "firm_id",
            "date",
            table=pl.lit(table),
            invoice_id=pl.lit(None, pl.String),
            kind=pl.lit(kind),
            known_on=pl.col("known_on") if known else pl.lit(None, pl.Date),
        )

    def _late_invoices(self, issued: Invoices) -> pl.DataFrame:
        delay = self._delay(issued)
        late = self._covered(self.cover.tax)[issued.firm, issued.day] & (delay != NOT_LATE)
        firm, date = issued.firm[late], self.days.index[issued.firm[late], issued.day[late]]
        return pl.DataFrame(
            {
                "firm_id": self.ids.firm_ids.gather(firm),
                "date": self.ids.dates(date),
                "invoice_id": _invoice_ids(issued.direction, issued.number[late]),
                "known_on": self.ids.dates(date + 1 + delay[late]),
            }
        ).with_columns(table=pl.lit("invoices"), kind=pl.lit("late"))

    def _delay(self, issued: Invoices) -> Array:
        sizes = np.bincount(issued.firm, minlength=len(self.ids.population))
        return invoice_delay(sizes, issued.direction, self.ids.bucket)

    @cached_property
    def _meter(self) -> MeterFaults:
        return meter_faults(self.days, self.ids.bucket)

    @cached_property
    def _courier(self) -> Array:
        return courier_delay(self.days, self.ids.bucket)

    def _carried(self, parcels: Parcels) -> Array:
        """Days (n_firms, n_days) on which a courier's file has a row."""
        moved = parcels.out + parcels.inward > 0
        return np.asarray(self._covered(self.cover.logistics) & moved)

    def _covered(self, begins: Array) -> Array:
        """Cells (n_firms, n_days) inside the coverage of a source."""
        column = np.arange(self.days.shape[1])
        seen = self.days.index < self.seen_until[:, None]
        return np.asarray((begins >= 0)[:, None] & (column >= begins[:, None]) & seen)

    def _daily(self, keep: Array, columns: dict[str, Any]) -> pl.DataFrame:
        firm = np.nonzero(keep)[0]
        dates = {"date": self.ids.dates(self.days.index[keep])}
        return pl.DataFrame([self.ids.firm_ids.gather(firm)]).hstack(pl.DataFrame(dates | columns))

    def _on_time(self, day: Array) -> Array:
        """Whether days (n_firms, n) lie before the last one that is seen."""
        return np.asarray((day != NEVER) & (day < self.seen_until[:, None]))

    def _happened(self, day: Array, firm: Array) -> Array:
        """Whether events in long form have come, and are seen."""
        return np.asarray((day != NEVER) & (day < self.seen_until[firm]))


_FAULT_COLUMNS = ("firm_id", "table", "date", "invoice_id", "kind", "known_on")
_BANDS = ("kwh_peak", "kwh_flat", "kwh_valley")


def _where(keep: Array, values: FloatArray) -> pl.Series:
    return pl.Series(values).set(pl.Series(~keep), None)


def _invoice_ids(direction: int, number: Array) -> pl.Series:
    digits = pl.Series("invoice_id", number).cast(pl.String).str.zfill(7)
    return ("1" if direction == OUTPUT else "2") + digits
