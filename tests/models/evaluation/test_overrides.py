"""An officer decides otherwise: how often, and was she right."""

import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from features.contract.errors import ContractError
from models.evaluation.default_rates import default_rates
from models.evaluation.overrides import overrides, read_overrides

SCORED = pl.DataFrame(
    {
        "application_id": list("abcdefg"),
        "decision": ["approve", "approve", "decline", "decline", "refer", "refer", "approve"],
        "pd": [0.01, 0.02, 0.2, 0.3, 0.05, 0.06, 0.01],
        "defaulted": [False, None, True, None, False, None, True],
    }
)


def written(tmp_path, text):
    path = tmp_path / "over.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_kinds_and_rates(tmp_path):
    rows = "a,approve,,Li\nb,decline,site visit,Li\nc,Approve,owner known,Wu\nd,decline,,Wu\n"
    path = written(
        tmp_path, f"application_id,decision,reason,by\n{rows}e,approve,,Li\nx,approve,,Li\n"
    )
    found = overrides(SCORED, read_overrides(path))
    assert found.rate == 2 / 4
    assert found.unmatched == 1
    kinds = {row["kind"]: row for row in found.kinds.iter_rows(named=True)}
    assert set(kinds) == {
        *("agreed approval", "agreed decline", "low-side override", "high-side override"),
        "approved on referral",
    }
    assert kinds["low-side override"]["default_rate"] == 1.0
    assert kinds["high-side override"]["default_rate"] is None
    assert kinds["high-side override"]["observed"] == 0
    assert found.by_reason.select("kind", "reason").rows() == [
        ("high-side override", "site visit"),
        ("low-side override", "owner known"),
    ]
    assert found.by_officer.rows() == [("Li", 3, 1), ("Wu", 2, 1)]


def test_without_any_decision_on_approved_or_declined_there_is_no_rate(tmp_path):
    path = written(tmp_path, "application_id,decision,reason,by\ne,approve,,\n")
    assert (
        overrides(SCORED, read_overrides(path)).rate != overrides(SCORED, read_overrides(path)).rate
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("application_id,decision\na,approve\n", "missing: reason, by"),
        (
            "application_id,decision,reason,by\na,refer,,\n",
            "expected approve or decline, got 'refer'",
        ),
        ("application_id,decision,reason,by\na,,,\n", "in 1 rows, first application_id=a"),
        (
            "application_id,decision,reason,by\na,approve,,\na,decline,,\n",
            "got several on 1, first a",
        ),
    ],
)
def test_wrong_decisions_are_one_line(text, words, tmp_path):
    with pytest.raises(ContractError, match=words):
        read_overrides(written(tmp_path, text))


def test_rates_have_jeffreys_intervals():
    rows = pl.DataFrame(
        {"kind": ["x"] * 40, "pd": [0.1] * 40, "defaulted": [True] * 4 + [False] * 36}
    )
    (row,) = default_rates(rows, ["kind"]).iter_rows(named=True)
    assert row["default_rate"] == 0.1
    assert (row["low"], row["high"]) == pytest.approx(
        proportion_confint(4, 40, method="jeffreys"), abs=1e-12
    )
