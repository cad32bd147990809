"""Explanation page of one applicant: the function behind `firstloan explain`."""

import datetime as dt
import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from features.contract.errors import ContractError
from features.contract.tables import SOURCES, TABLES
from features.io.outputs import refuse_overwriting
from features.io.signal_reader import Signals
from models.explanation.reasons import top_reasons
from models.policy import Policy
from models.tracking.registry import resolve
from scoring.input.applicants import Applicants, read_applicants, unmatched
from scoring.input.chunks import cut, read_signals
from scoring.input.compatibility import check_fit
from scoring.offers.offer import make_offers, readable
from scoring.offers.policy import OfferPolicy
from scoring.offers.what_if import WhatIf, what_if
from scoring.pages.offer_section import offer_section
from scoring.pages.render import DECISIONS, is_page, render
from scoring.pages.source_charts import source_charts
from scoring.pages.waterfall import waterfall
from scoring.run.checkpoint import write_whole
from scoring.run.output import REASONS, SEPARATOR
from scoring.scorer import Scorer
from scoring.shap_values.explainer import ShapExplainer
from scoring.text.reason_text import flag_texts

_TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


def explain_file(
    *,
    applicants: Path,
    signals: Path,
    application: str,
    out: Path,
    model: str | None = None,
    policy: Policy | None = None,
    offer_policy: OfferPolicy | None = None,
    offers: bool = True,
    asked: WhatIf | None = None,
    today: dt.date | None = None,
) -> Path:
    """Explain one applicant of a file on an HTML page.

    Parameters
    ----------
    applicants : pathlib.Path
        CSV file of the contract's table `applications`.
    signals : pathlib.Path
        Folder of signal tables, or the data folder that holds one.
    application : str
        The application's id.
    out : pathlib.Path
        The page to write.
    model : str, optional
        Folder or MLflow address; by default the registered champion.
    policy : Policy, optional
    offer_policy : OfferPolicy, optional
        By default the shipped one.
    offers : bool
        Whether the page shows an offer.
    asked : WhatIf, optional
        Terms that the page shows beside the offer.
    today : datetime.date, optional

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    ContractError
        If an input cannot be read, or the application is not in the file or was rejected.
    """
    if not out.parent.is_dir():
        raise ContractError(f"{out}: expected a file name in a folder that exists.")
    people = read_applicants(applicants, today=today or dt.datetime.now().astimezone().date())
    applicant = _find(people, application, applicants)
    opened = Signals.open(signals)
    refuse_overwriting(out, inputs=[applicants], signals=opened.folder, is_ours=is_page)
    chosen, label = resolve(model)
    check_fit(chosen)
    chunk = cut(applicant, opened)[0]
    frames = read_signals(opened, chunk.firms)
    misfit = unmatched(applicant, frames)
    if misfit.height:
        raise ContractError(f"{applicants}: {_problem(misfit)}.")
    explainer = ShapExplainer(chosen, rows=1)
    made_by = (offer_policy or OfferPolicy.load()) if offers else None
    scorer = Scorer(chosen, label, policy or chosen.policy, explainer, made_by)
    asking = applicant.select(TABLES["applications"].columns)
    page = explain_html(scorer, asking, frames, asked=asked)
    write_whole(out, page.encode())
    return out


def explain_html(
    scorer: Scorer,
    application: pl.DataFrame,
    frames: Mapping[str, pl.DataFrame],
    *,
    asked: WhatIf | None = None,
) -> str:
    """Make the page.

    Parameters
    ----------
    scorer : Scorer
    application : polars.DataFrame
        One row of the contract's table `applications`.
    frames : mapping of table name to polars.DataFrame
        Signals of the applicant's firm.
    asked : WhatIf, optional
        Terms that the page shows beside the offer.
    """
    features = scorer.features(application, Signals.from_frames(frames))
    if scorer.offers is not None:
        features = readable(features, scorer.offers)
    row = scorer.score_features(features, applications=application).row(0, named=True)
    model, scored = scorer.model, row["score"] is not None
    values = model.matrix(features)
    pushes = scorer.contributions.of(values)
    reasons = top_reasons(pushes, features, model, k=REASONS, values=values) if scored else None
    bars, ticks = waterfall(pushes[0], values[0], model) if scored else ([], [])
    decision_zh, tone = DECISIONS[row["decision"]]
    return render(
        "explain.html",
        row=row,
        facts=_facts(frames),
        decision_zh=decision_zh,
        decision_tone=tone,
        rule=scorer.policy.decision.in_words(),
        pd=f"{row['pd']:.2%}" if scored else "",
        scale=_scale(row, scorer.policy) if scored else None,
        interval=None
        if row["pd_low"] is None
        else (f"{row['pd_low']:.2%}", f"{row['pd_high']:.2%}"),
        sources=sum(row[f"coverage_{source}"] > 0 for source in SOURCES),
        flags=[
            flag_texts(flag, scorer.policy.flags)
            for flag in (row["flags"] or "").split(SEPARATOR)
            if flag
        ],
        reasons=[
            {"english": row[f"reason_{k}_text"], "chinese": row[f"reason_{k}_zh"]}
            for k in range(1, REASONS + 1)
            if row[f"reason_{k}"] is not None
        ],
        waterfall=bars,
        waterfall_ticks=ticks,
        margin=f"{model.bias + pushes[0].sum():.2f}".replace("-", "−") if scored else "",
        offer=_offer(scorer, features, application, frames, row=row, asked=asked)
        if scored
        else None,
        charts=source_charts(
            frames,
            firm_id=row["firm_id"],
            as_of=row["as_of"],
            coverage={source: row[f"coverage_{source}"] for source in SOURCES},
            reasons=[] if reasons is None else list(reasons.select("rank", "feature").iter_rows()),
        ),
    )


def _offer(
    scorer: Scorer,
    features: pl.DataFrame,
    application: pl.DataFrame,
    frames: Mapping[str, pl.DataFrame],
    *,
    row: Mapping[str, Any],
    asked: WhatIf | None,
) -> dict[str, Any] | None:
    """Section of the offer; None where none are made."""
    policy = scorer.offers
    if policy is None:
        return None
    pd = np.array([row["pd"]])
    offers = make_offers(features, application, pd, policy=policy, scoring=scorer.policy)
    answer = what_if(asked, offers, pd, policy) if asked is not None and asked.asked else None
    return offer_section(
        offers,
        policy,
        frames,
        firm_id=row["firm_id"],
        as_of=row["as_of"],
        approved=row["decision"] == "approve" or row["limit_reason"] is not None,
        answer=answer,
    )


def _find(people: Applicants, application: str, path: Path) -> pl.DataFrame:
    rows = people.frame.filter(pl.col("application_id") == application)
    if rows.height:
        return rows
    refused = people.rejects.filter(pl.col("application_id") == application)
    if refused.height:
        raise ContractError(f"{path}: {_problem(refused)}. Mend the row and try again.")
    close = difflib.get_close_matches(application, people.frame["application_id"].to_list(), n=3)
    hint = f" Did you mean {', '.join(close)}?" if close else ""
    raise ContractError(f"{path}: no application {application!r} among {people.read:,} rows.{hint}")


def _problem(rejects: pl.DataFrame) -> str:
    first = rejects.row(0, named=True)
    return f"line {first['line']}: {first['column']} {first['problem']}, got {first['value']!r}"


def _facts(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    """Known register attributes of the firm."""
    register = frames.get("firms")
    if register is None or register.is_empty():
        return []
    firm = register.row(0, named=True)
    facts = [firm[name] for name in ("legal_form", "sector", "county", "city") if firm[name]]
    founded = [f"founded {firm['founded_on']}"] if firm["founded_on"] else []
    return [str(fact).replace("_", " ") for fact in facts + founded]


def _scale(row: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """Place grades, interval and PD on a logarithmic scale from 0.1 % to 100 %."""

    def position(pd: float) -> float:
        return round(100 * (math.log10(min(max(pd, 0.001), 1.0)) + 3) / 3, 2)

    edges = [0.001, *(min(grade.pd_below, 1.0) for grade in policy.grades)]
    bands = [
        {
            "name": grade.name,
            "left": position(low),
            "width": round(position(high) - position(low), 2),
        }
        for grade, low, high in zip(policy.grades, edges, edges[1:], strict=False)
    ]
    span = None
    if row["pd_low"] is not None:
        span = {
            "left": position(row["pd_low"]),
            "width": round(position(row["pd_high"]) - position(row["pd_low"]), 2),
        }
    ticks = [{"name": f"{100 * tick:g} %", "left": position(tick)} for tick in _TICKS]
    return {"bands": bands, "range": span, "mark": position(row["pd"]), "ticks": ticks[1:]}
