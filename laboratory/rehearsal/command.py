"""Rehearsal from files to files: what `firstloan rehearse` calls."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.contract.errors import ContractError
from features.io.outputs import refuse_overwriting, starts_with
from laboratory.rehearsal.acceptance import AcceptanceCurve
from laboratory.rehearsal.applicants import read_applicants
from laboratory.rehearsal.log_runs import log
from laboratory.rehearsal.rehearse import Rehearsal, rehearse, with_costs
from laboratory.rehearsal.report import as_table, page
from laboratory.rehearsal.results import by_estimates
from laboratory.rehearsal.search import Constraints, Found, FoundRow, estimated, search
from models.data.training_data import trained_on
from models.tracking.registry import resolve
from scoring.input.compatibility import check_fit
from scoring.offers.policy import OfferPolicy, shipped
from scoring.pages.render import is_page
from scoring.run.checkpoint import write_whole

if TYPE_CHECKING:
    from features.parallel.executor import Progress

_HEADER = "policy,judged_by,"

CHOSEN = "chosen"
"""Name that a policy chosen by a search has in tables."""


def rehearse_data(
    data: Path,
    *,
    out: Path,
    policies: Sequence[Path],
    model: str | None,
    lender: str,
    trials: int,
    constraints: Constraints,
    workers: int,
    progress: "Progress | None" = None,
) -> tuple[Rehearsal, Found | None, list[Path]]:
    """Rehearse policies on a data folder, write page and CSV, and log them to MLflow.

    Parameters
    ----------
    data : pathlib.Path
        A simulated world, or a data folder of one's own, which is judged by estimates.
    out : pathlib.Path
        The page; the CSV lies beside it.
    policies : sequence of pathlib.Path
        Files or names; the shipped ones where empty.
    model : str or None
        Folder or MLflow address; the champion where None.
    lender : str
        Type of lender whose costs all policies share.
    trials : int
        Of a search; 0 for none.
    constraints : Constraints
    workers : int
    progress : callable, optional

    Raises
    ------
    ContractError
        If an input cannot be used, or an output would replace a file of another kind.
    """
    if not out.parent.is_dir() or out.is_dir():
        raise ContractError(f"{out}: expected a file name in a folder that exists.")
    table = out.with_suffix(".csv")
    if table == out:
        raise ContractError(
            f"{out}: expected a page such as rehearsal.html; the CSV is written beside it."
        )
    for path, ours in ((out, is_page), (table, partial(starts_with, text=_HEADER))):
        refuse_overwriting(path, inputs=[data], signals=data, is_ours=ours)
    chosen = [OfferPolicy.load(path) for path in policies or shipped_policies()]
    names = [policy.product.name for policy in chosen]
    if len(set(names)) < len(names):
        raise ContractError("--policy: two policies have one name; give each product.name its own.")
    fitted, label = resolve(model)
    check_fit(fitted)
    for policy in chosen:
        policy.check_grades(tuple(grade.name for grade in fitted.policy.grades))
    costs = chosen[0].assumptions.costs_of(lender)
    settings: dict[str, float] = {}
    before = None
    if trials:
        if chosen[0].limit.flat_cny is not None:
            raise ContractError(
                f"--search: {names[0]} has a flat limit, and no numbers to choose. Name another "
                "policy first."
            )
        before = read_applicants(data, fitted, before=True, workers=workers)
        found_policy, settings = search(
            before,
            with_costs(chosen[0], costs),
            costs=costs,
            constraints=constraints,
            trials=trials,
            progress=progress,
        )
        product = found_policy.product.model_copy(
            update={"name": CHOSEN, "title": f"{found_policy.product.title}, chosen numbers"}
        )
        found_policy = found_policy.model_copy(update={"product": product})
        chosen.insert(1, found_policy)
    told = rehearse(
        data,
        chosen,
        model=fitted,
        label=label,
        costs=costs,
        simulated=trained_on(data) == "simulated",
        workers=workers,
        progress=progress,
    )
    found = None
    if before is not None:
        judge = by_estimates(AcceptanceCurve.fitted(before.outcomes_before))
        rows = [
            FoundRow(
                name=each.title,
                chosen_on=estimated(before, shared, judge, costs)["profit_cny"],
                estimated=estimated(told.people, shared, judge, costs)["profit_cny"],
                truth=each.figures["profit_cny"] if told.by_truth else np.nan,
            )
            for each, policy in zip(told.rehearsed[:2], chosen[:2], strict=True)
            for shared in [with_costs(policy, costs)]
        ]
        found = Found(chosen[1], settings, trials, len(before), tuple(rows))
    write_whole(table, as_table(told).write_csv(line_terminator="\n").encode())
    write_whole(out, page(told, found).encode())
    log(told, [out, table])
    return told, found, [out, table]


def shipped_policies() -> list[Path]:
    """Shipped policies, the default one first."""
    return [
        Path(name) for name in sorted(shipped(), key=lambda name: name != "quick_business_loan")
    ]
