"""A scorecard on a desk: the calculator in the workbook says what `firstloan score` says."""

import io
from dataclasses import replace

import formulas
import numpy as np
import openpyxl
import pytest

from features.contract.errors import ContractError
from models.estimators.calibration import Calibration
from models.estimators.model import OWN
from models.estimators.scorecard import Binned, Scorecard
from scoring.export.workbook import workbook_bytes

STEPS = Calibration(kind="isotonic", margins=(-6.0, -4.0, -3.0, -1.0), rates=(0.0, 0.01, 0.04, 0.3))
RESULTS = ("total", "margin", "pd", "score", "grade", "decision")


def results(path, features, typed=None):
    """Last cells of the calculator, computed by another program from its formulas."""
    book = formulas.ExcelModel().loads(str(path)).finish()
    place = f"'[{path.name}]CALCULATOR'!"
    solution = book.calculate(inputs={place + cell: value for cell, value in (typed or {}).items()})
    first = 4 + features + 2
    cells = [solution[f"{place}F{first + k}"].value[0, 0] for k in range(len(RESULTS))]
    return dict(zip(RESULTS, cells, strict=True))


def expected(model, values):
    margin = model.estimator.margin(np.array([values]))
    pd = model.pd(margin)
    no, yes = np.array([False]), np.array([True])
    return {
        "margin": margin[0],
        "pd": pd[0],
        "score": model.policy.score.score(pd)[0],
        "grade": model.policy.grade(pd)[0],
        "decision": model.policy.decide(pd, flagged=no, enough=yes)[0],
    }


def check(found, wanted):
    assert found["margin"] == pytest.approx(wanted["margin"], abs=1e-9)
    assert found["pd"] == pytest.approx(wanted["pd"], abs=1e-9)
    assert (found["score"], found["grade"], found["decision"]) == tuple(
        wanted[name] for name in RESULTS[3:]
    )


@pytest.mark.slow
@pytest.mark.parametrize("calibration", [Calibration(a=0.9, b=1.1, c=0.1), STEPS])
def test_the_calculator_says_what_score_says(calibration, card_model, hamlet_features, tmp_path):
    names, decisions = card_model.feature_names, set()
    values = hamlet_features.select(names).to_numpy().astype(float)
    for row in range(12):
        typical = dict(zip(names, values[row].tolist(), strict=True))
        model = replace(card_model, calibration=calibration, typical=typical)
        path = tmp_path / f"card{row}.xlsx"
        path.write_bytes(workbook_bytes(model))
        wanted = expected(model, values[row])
        check(results(path, len(model.estimator.features)), wanted)
        decisions.add(wanted["decision"])
    assert len(decisions) > 1


def test_values_that_are_typed_count(card_model, tmp_path):
    path = tmp_path / "card.xlsx"
    path.write_bytes(workbook_bytes(card_model))
    values = np.array([card_model.typical[name] for name in card_model.feature_names])
    edge = card_model.estimator.features[0]
    values[edge.column] = edge.edges[1]  # an edge belongs to the bin above it
    found = results(path, len(card_model.estimator.features), {"C5": edge.edges[1]})
    check(found, expected(card_model, values))


def test_words_are_typed_as_words(model, tmp_path):
    trade = Binned(
        name="trade",
        column=0,
        edges=(0.5, 1.5),
        woe=(0.4, -0.9, 0.1),
        woe_missing=-0.2,
        woe_mean=0.0,
        coefficient=-1.0,
    )
    own = replace(
        model,
        feature_names=("trade",),
        trained_on=OWN,
        typical={"trade": 0.0},
        levels={"trade": ("baker", "=smith", "木匠")},
        estimator=Scorecard(intercept=-3.0, width=1, features=(trade,)),
    )
    path = tmp_path / "own.xlsx"
    path.write_bytes(workbook_bytes(own))
    for code, word in enumerate(own.levels["trade"]):
        check(results(path, 1, {"C5": word}), expected(own, [float(code)]))
    check(results(path, 1, {"C5": "potter"}), expected(own, [np.nan]))


def test_cells_hold_their_values_before_anything_is_computed(card_model):
    book = openpyxl.load_workbook(io.BytesIO(workbook_bytes(card_model)), data_only=True)
    last = 4 + len(card_model.estimator.features) + 2
    values = np.array([card_model.typical[name] for name in card_model.feature_names])
    shown = book["Calculator"].cell(last + 2, 6).value
    assert shown == pytest.approx(expected(card_model, values)["pd"], abs=1e-12)


def test_bins_tell_counts_woe_iv_and_points(card_model):
    book = openpyxl.load_workbook(io.BytesIO(workbook_bytes(card_model)))
    head, *rows = book["Bins"].iter_rows(values_only=True)
    table = [dict(zip(head, row, strict=True)) for row in rows]
    first = [row for row in table if row["feature"] == "firm_age"]
    assert [row["applicants"] for row in first] == [100, 101, 102, 103, 50]
    assert first[0]["default rate"] == pytest.approx(0.09)
    goods, bads = [91, 93, 95, 97, 50], [9, 8, 7, 6, 0]
    share = [g / sum(goods) for g in goods], [b / sum(bads) for b in bads]
    iv = [(g - b) * np.log(g / b) if b else 0.0 for g, b in zip(*share, strict=True)]
    assert [row["IV"] for row in first] == pytest.approx(iv)
    factor = card_model.policy.score.factor
    assert [row["points"] for row in first] == pytest.approx(
        [factor * 0.9 * woe for woe in (-0.9, -0.2, 0.3, 0.8, -0.4)]
    )


def test_no_macros_and_the_same_bytes(card_model):
    content = workbook_bytes(card_model)
    assert content == workbook_bytes(card_model)
    assert b"vbaProject" not in content


def test_trees_have_no_points(model):
    with pytest.raises(ContractError, match=r"expected a scorecard.*runs:/<run>/model"):
        workbook_bytes(model)
