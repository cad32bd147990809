"""The page docs/book.md, from docs/book.json; `python docs/book_page.py` measures it anew.

Takes about three minutes. `docs/references.py` writes the page from what was measured last; a test
fails where the settings of the world have changed since.
"""

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from laboratory.loan_book import BUCKETS, MONTHS_ON_BOOK, RATE_BANDS, RECOVERY_DAYS, figures
from synthetic.config.load import load_config

KEPT = Path(__file__).with_name("book.json")
SEEDS, FIRMS = list(range(1, 11)), 12_000
GOLDEN = Path(__file__).parents[1] / "tests" / "synthetic" / "golden.toml"
"""Stands for the simulator: a page measured on another one is out of date."""

DEMAND = {
    "4-4.5": (100, 89), "4.5-5": (89, 81), "5-5.5": (81, 71), "5.5-6": (71, 67),
    "6-8": (66, 45), "8-10": (45, 31), "10-12": (31, 21),
}  # fmt: skip
"""Share of customers that stay with the bank at the rates inside a band, %, from and to: the demand
data of the 2020 modelling contest, mean of its three ratings."""

REPORT = {
    "all": ("R133", 1.92), "bank": ("R134", 1.68), "small_loan": ("R135", 3.85),
    "platform": ("R136", 2.1), "joint": ("R137", 2.05),
}  # fmt: skip

Figures = dict[str, Any]


def measure() -> Figures:
    """Measure the book of ten worlds."""
    found = figures(load_config(), seeds=SEEDS, firms=FIRMS, workers=2)
    return found | {"golden": rests_on()}


def rests_on() -> str:
    """Mark of the simulator that the figures follow from."""
    return hashlib.sha256(GOLDEN.read_bytes()).hexdigest()


def read() -> Figures:
    """The figures as they were last measured."""
    kept: Figures = json.loads(KEPT.read_text(encoding="utf-8"))
    return kept


def page(kept: Figures | None = None) -> str:
    """The book as a page."""
    f = read() if kept is None else kept
    parts = (_about, _doors, _acceptance, _vintages, _hazard, _rolls, _npl, _losses)
    return "\n".join(line for part in parts for line in part(f)) + "\n"


def _about(f: Figures) -> list[str]:
    return [
        "# The loan book",
        "",
        "Generated from `docs/book.json` by `python docs/references.py`;",
        "`python docs/book_page.py` measures it anew.",
        "",
        f"What becomes of the loans of the baseline world: {f['worlds']} worlds (seeds {SEEDS[0]}",
        f"to {SEEDS[-1]}), {f['firms']:,} applicants, {f['loans']:,} loans, observed until the",
        "last recovery has come. Each figure is the mean over worlds, in brackets the lowest and",
        "the highest world: one world is one course of the economy, and a single one says little.",
        "Where the market report or the demand data publish a figure, it stands beside ours; where",
        "none stands, we know of no published one for such loans.",
        "",
        "How the book is made: [simulator.md](simulator.md#the-book). Its tables:",
        "[contract.md](contract.md#loans).",
        "",
    ]


def _doors(f: Figures) -> list[str]:
    d = f["doors"]
    lines = [
        "## Three doors",
        "",
        "A default is seen only of those who applied, were approved and took the loan. Mean true",
        "PD within 12 months of the requested loan, %:",
        "",
        "| | true PD |",
        "|---|---|",
        *(f"| {name} | {_cell(d[name])} |" for name in ("applied", "approved", "accepted", "left")),
        "",
        "Those who leave are riskier than those who accept, because they are asked for more.",
        "**At like rates it is the other way round**: firms in need take what others decline.",
        "",
        "| rate offered | accepted | left |",
        "|---|---|---|",
    ]
    for name, high in (("up to 5 %", "5"), ("5 to 7 %", "7"), ("above 7 %", "100")):
        lines.append(f"| {name} | {_cell(d[f'accepted {high}'])} | {_cell(d[f'left {high}'])} |")
    return [*lines, ""]


def _acceptance(f: Figures) -> list[str]:
    lines = [
        "## Acceptance by rate",
        "",
        "Share of approved offers that are taken, %. The curve is fitted to the demand data; firms",
        "in need take more. Beyond 15 % it is extrapolated.",
        "",
        "| rate, % a year | taken | demand data, at the band's ends |",
        "|---|---|---|",
    ]
    for low, high in pairwise(RATE_BANDS):
        name = f"{low:g}-{high:g}"
        if name in f["acceptance"]:
            first, last = DEMAND[name]
            lines.append(
                f"| {low:g} to {high:g} | {_cell(f['acceptance'][name], 0)} | {first} to {last} |"
            )
    return [*lines, ""]


def _vintages(f: Figures) -> list[str]:
    v = f["vintages"]
    lines = [
        "## Vintages",
        "",
        "Loans that have ever been 90 days past due by months on book, %, of all loans and of the",
        "quarters of disbursement that were best and worst within a world.",
        "",
        "| months on book | all | best quarter | worst quarter |",
        "|---|---|---|---|",
    ]
    for months in MONTHS_ON_BOOK:
        row = (_cell(v[f"{months} {name}"]) for name in ("all", "best", "worst"))
        lines.append(f"| {months} | {' | '.join(row)} |")
    return [
        *lines,
        "",
        "What comes after 12 months is no default by the label: instalments 10 to 12, bullets",
        "above all, are 90 days past due only then. A 12-month label flatters `interest_first`.",
        "",
    ]


def _hazard(f: Figures) -> list[str]:
    lines = [
        "## Hazard",
        "",
        "Share of running loans for which the instalment of a month is the first that is never",
        "paid, %. Terms of 3, 6 and 12 months end in those months, and bullets with them; loans",
        "that have ended are no longer at risk.",
        "",
        "| month | hazard |",
        "|---|---|",
    ]
    lines += [f"| {month} | {_cell(value)} |" for month, value in f["hazard"].items()]
    return [*lines, ""]


def _rolls(f: Figures) -> list[str]:
    rolls, columns = f["rolls"], BUCKETS
    lines = [
        "## Roll rates",
        "",
        "Balance by days past due at a month's end, and where it is a month later, % of the row;",
        "means over the worlds.",
        "",
        f"| from \\ to | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for one in BUCKETS[:5]:
        cells = (rolls.get(f"{one} -> {two}") for two in columns)
        shown = (f"{cell[0]:.1f}" if cell else "" for cell in cells)
        lines.append(f"| {one} | {' | '.join(shown)} |")
    return [*lines, ""]


def _npl(f: Figures) -> list[str]:
    n = f["npl"]
    lines = [
        "## NPL by balance against default by number",
        "",
        "NPL ratios are measured on balances: what is in default, of all that is owed, over all",
        "months. Defaults stay on the book until they are written off a year later, while other",
        "loans are repaid, so that the ratio of a book that no longer grows lies above the rate of",
        "default. The world is fitted to the report by number, expected over sixteen common paths",
        "(`firstloan calibrate`).",
        "",
        "| loans | NPL by balance | default by number | expected PD | report, NPL |",
        "|---|---|---|---|---|",
    ]
    for name, (row, value) in REPORT.items():
        cells = (_cell(n[f"{name} {kind}"]) for kind in ("npl", "number", "pd"))
        lines.append(f"| {name} | {' | '.join(cells)} | {value:g} ({row}) |")
    return [*lines, ""]


def _losses(f: Figures) -> list[str]:
    s = f["losses"]
    lines = [
        "## Loss given default",
        "",
        "Share of the balance at default that two years of recoveries leave, %. What guarantor,",
        "pledge and borrower pay is assumed (`book` in [settings.md](settings.md)).",
        "",
        "| what stands behind the loan | mean | lower quartile | upper quartile |",
        "|---|---|---|---|",
    ]
    for name in ("unsecured", "pledged", "guaranteed"):
        row = (_cell(s[f"{name} {kind}"], 0) for kind in ("mean", "p25", "p75"))
        lines.append(f"| {name} | {' | '.join(row)} |")
    back = "; ".join(f"{days} days {_cell(s[f'within {days} days'], 0)}" for days in RECOVERY_DAYS)
    return [
        *lines,
        "",
        f"All loans: {_cell(s['all mean'], 0)} %.",
        f"At default {_cell(s['owed'], 0)} % of the limit is owed.",
        f"Recovered within {back} % of what was owed.",
        f"Lost in all: {_cell(s['lost of lent'])} % of what was lent.",
        "Compensation (R167) and layers of loss (R172) are shares of these losses and are left to",
        "whoever reads the book.",
    ]


def _cell(value: list[float], digits: int = 2) -> str:
    mean, low, high = (f"{x:.{digits}f}" for x in value)
    return f"{mean} ({low} to {high})"


if __name__ == "__main__":
    KEPT.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    (KEPT.parent / "book.md").write_text(page(), encoding="utf-8")
