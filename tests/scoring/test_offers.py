"""Offers in the scored CSV: who gets one, the same from shell and Python, and on the pages."""

import csv
import datetime as dt
import tomllib

import polars as pl
import pytest

from features.contract.errors import ContractError
from features.contract.tables import PLANS
from models.policy import POLICY_FILE, Policy
from scoring.api import open_scorer, score
from scoring.explain import explain_file
from scoring.offers.columns import OFFER_COLUMNS
from scoring.offers.policy import POLICIES, OfferPolicy
from scoring.offers.what_if import WhatIf
from scoring.pages.offer_section import monthly_sales

TERMS = ("limit_cny", "rate_pct", "term_months", "plan", "expected_loss_cny", "expected_profit_cny")


@pytest.fixture
def asked(rows):
    """Applications with amount, term, plan and purpose."""
    for k, row in enumerate(rows):
        row |= {"amount_cny": 20_000 + 5_000 * k, "term_months": 12, "plan": PLANS[k % 5]}
        row["purpose"] = ("raw_material", "equipment", "cash_gap")[k % 3]
    return rows


def test_offers_go_to_the_approved_alone(run, asked):
    scored = run(asked).scored
    made = scored.filter(pl.col("limit_cny").is_not_null())
    assert made.height > 10
    assert set(made["decision"]) == {"approve"}
    assert set(made["status"]) == {"scored"}
    assert made.select(OFFER_COLUMNS).null_count().sum_horizontal().item() == 0
    rest = scored.filter(pl.col("limit_cny").is_null())
    assert rest.select(TERMS).null_count().row(0) == (rest.height,) * len(TERMS)
    assert "approve" not in set(rest["decision"])


def test_an_approved_applicant_without_an_offer_is_referred_and_told_why(run, asked):
    cheap = tomllib.loads((POLICIES / "quick_business_loan.toml").read_text("utf-8"))
    cheap["product"]["least_cny"] = 1e6
    scored = run(asked, offer_policy=OfferPolicy.of(cheap, where="test")).scored
    plain = run(asked, offers=False).scored
    approved = plain["decision"] == "approve"
    assert scored["limit_cny"].null_count() == scored.height
    assert set(scored.filter(approved)["decision"]) == {"refer"}
    ran = run(asked, offer_policy=OfferPolicy.of(cheap, where="test"))
    cut, page = ran.summary.offers, ran.out.with_suffix(".html").read_text("utf-8")
    assert (cut.offers, cut.without_offer) == (0, approved.sum())
    assert f"No offer could be made to {approved.sum()} whom the score policy approves" in page
    assert scored.filter(approved)["limit_reason"].str.starts_with("no offer: a limit of").all()
    assert scored.filter(~approved)["limit_reason"].null_count() == (~approved).sum()


def test_without_offers_everything_else_is_the_same(run, asked):
    made, plain = run(asked).scored, run(asked, offers=False).scored
    assert plain.select(OFFER_COLUMNS).null_count().row(0) == (plain.height,) * len(OFFER_COLUMNS)
    same = [name for name in plain.columns if name not in {*OFFER_COLUMNS, "decision"}]
    assert made.select(same).equals(plain.select(same))


def test_shell_and_python_make_the_same_offers(run, asked, model_folder):
    ran = run(asked)
    scorer = open_scorer(model_folder)
    people = pl.DataFrame(asked).with_columns(pl.col("applied_on").cast(pl.String))
    by_python = pl.from_pandas(score(people, run.signals, scorer))
    for name in ("limit_cny", "rate_pct", "term_months", "plan", "limit_reason"):
        assert by_python[name].to_list() == ran.scored[name].to_list()
    losses = by_python["expected_loss_cny"].round(2).to_list()
    assert losses == ran.scored["expected_loss_cny"].to_list()


def test_bytes_do_not_depend_on_workers_or_chunks(run, asked, tmp_path):
    one = run(asked, workers=1).out.read_bytes()
    assert run(asked, workers=2, chunk_size=7).out.read_bytes() == one


def test_the_tax_loan_reads_tax_records_alone(run, asked):
    policy = OfferPolicy.load(POLICIES / "tax_loan.toml")
    scored = run(asked, offer_policy=policy).scored
    assert scored["coverage_electricity"].max() == scored["coverage_ecommerce"].max() == 0
    assert scored.filter(pl.col("limit_cny").is_not_null())["coverage_tax"].min() > 0


def test_a_policy_whose_grades_are_others_is_refused_before_anything_is_written(run, asked):
    plain = tomllib.loads((POLICIES / "quick_business_loan.toml").read_text("utf-8"))
    plain["limit"]["grade_factors"] = {"AA": 1.0}
    with pytest.raises(ContractError, match="expected one for each of the grades"):
        run(asked, offer_policy=OfferPolicy.of(plain, where="test"))


def test_the_manifest_tells_the_offer_policy_and_the_report_its_sums(run, asked):
    ran = run(asked)
    assert ran.manifest["offer_policy"]["product"]["name"] == "quick_business_loan"
    assert run(asked, offers=False).manifest["offer_policy"] is None
    ran = run(asked)
    sums = ran.summary.offers
    made = ran.scored.filter(pl.col("limit_cny").is_not_null())
    assert (sums.offers, sums.limit_cny) == (made.height, made["limit_cny"].sum())
    assert sums.expected_loss_cny == pytest.approx(made["expected_loss_cny"].sum(), abs=1.0)
    page = ran.out.with_suffix(".html").read_text("utf-8")
    assert "<title>Credit scores and loan offers of" in page
    assert f"<b>{made.height:,}</b>" in page


@pytest.fixture
def page(run, asked, model_folder, write, tmp_path):
    """The page of one applicant, by decision, with any options of `explain_file`."""
    ran = run(asked)
    applicants = write(asked, "asked.csv")

    def page(decision="approve", **options):
        chosen = ran.scored.filter(
            pl.col("decision") == decision,
            pl.col("score").is_not_null(),
            pl.col("limit_reason").is_not_null() == (decision == "approve"),
        )["application_id"]
        out = tmp_path / "page.html"
        explain_file(applicants=applicants, signals=run.signals, application=chosen[0], out=out,
                     model=str(model_folder), **options)  # fmt: skip
        row = ran.scored.filter(pl.col("application_id") == chosen[0]).row(0, named=True)
        return out.read_text("utf-8"), row

    return page


def test_the_page_says_what_decided_the_limit(page):
    text, row = page()
    assert row["limit_reason"][1:] in text
    assert row["limit_reason_zh"] in text
    assert "Cash through the year against instalments" in text
    assert "What if" not in text


def test_the_page_answers_what_if(page):
    text, row = page(asked=WhatIf(amount_cny=9e6, term_months=7, plan="interest_first"))
    assert "CNY 9,000,000" in text
    assert "7 months" in text
    assert "interest first" in text
    assert "above the product&#39;s cap of CNY 3,000,000" in text
    assert "terms on offer: 3, 6, 12, 18 months" in text
    same, _ = page(asked=WhatIf(amount_cny=float(row["limit_cny"])))
    figure = f"CNY {row['limit_cny']:,}"
    assert same.count(figure) >= 2


def test_a_referred_applicant_has_no_offer_and_an_answer(page):
    text, _ = page("refer", asked=WhatIf(amount_cny=10_000.0))
    assert "No offer: the decision is refer" in text
    assert "CNY 10,000" in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"amount_cny": 0.0}, "--amount: expected CNY above 0, got 0"),
        ({"amount_cny": float("nan")}, "--amount: expected CNY above 0, got nan"),
        ({"term_months": 61}, "--term: expected 1 to 60 months, got 61"),
        ({"plan": "never"}, "--plan: expected one of equal, .* got 'never'"),
    ],
)
def test_terms_that_no_loan_has_are_one_line(wrong, said):
    with pytest.raises(ContractError, match=said):
        WhatIf(**wrong)


def test_no_cell_of_an_offer_is_a_formula(run, asked):
    with run(asked).out.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert not any(row[name].startswith(("=", "+", "-", "@")) for name in OFFER_COLUMNS
                           if name != "expected_profit_cny")  # fmt: skip


def test_no_offer_policy_is_read_where_none_are_made(model_folder, tmp_path):
    assert open_scorer(model_folder, offers=False).offers is None
    with pytest.raises(ContractError, match="expected an offer policy"):
        open_scorer(model_folder, offer_policy=tmp_path / "none.toml")


def test_no_record_after_the_application_reaches_an_offer(asked, frames, model_folder):
    scorer = open_scorer(model_folder)
    people = pl.DataFrame(asked).with_columns(pl.col("applied_on").cast(pl.String))
    later = frames["invoices"].with_columns(
        pl.col("issued_on") + pl.duration(days=456),
        pl.col("amount_cny") * 50,
        invoice_id=pl.format("later-{}", "invoice_id"),
    )
    known = score(people, frames, scorer)
    more = frames | {"invoices": pl.concat([frames["invoices"], later])}
    assert score(people, more, scorer).equals(known)
    assert known["limit_cny"].notna().sum() > 10


def test_sales_of_the_page_are_those_known_on_the_day():
    as_of = dt.date(2025, 3, 1)
    days = [as_of - dt.timedelta(days=k) for k in (10, 100, 350)] + [as_of, dt.date(2025, 4, 1)]
    invoices = pl.DataFrame(
        {
            "firm_id": "F1", "direction": "output", "invoice_id": [f"i{k}" for k in range(5)],
            "line": None, "issued_on": days, "counterparty_id": "C", "tax_cny": 0.0,
            "amount_cny": [10.0, 20.0, 40.0, 800.0, 1600.0], "status": "valid",
            "voided_on": None,
        },
        schema_overrides={"line": pl.Int64, "voided_on": pl.Date},
    )  # fmt: skip
    sums = monthly_sales({"invoices": invoices}, "tax", firm_id="F1", as_of=as_of)
    # the month that begins a year before the coming one is the first
    assert (sums.sum(), sums[0], sums[8], sums[11]) == (70.0, 40.0, 20.0, 10.0)
    assert monthly_sales({}, "tax", firm_id="F1", as_of=as_of).tolist() == [0.0] * 12


def test_grades_of_other_names_can_be_explained_without_an_offer(page, tmp_path):
    named = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    for number, grade in enumerate(named["grades"]):
        grade["name"] = f"R{number}"
    own = Policy.model_validate(named)
    with pytest.raises(ContractError, match=r"or make no offers \(--no-offers\)"):
        page(policy=own)
    text, _ = page(policy=own, offers=False)
    assert "Cash through the year" not in text
    assert "Offer:" not in text
