"""Scoring data frames, for notebooks and services that hold a model in memory."""

import datetime as dt
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from features.contract.errors import ContractError
from features.io.dataframe_reader import AnyFrame, read_frame, read_signals_of
from features.io.signal_reader import Signals
from models.policy import Policy
from models.tracking.registry import resolve
from scoring.input.applicants import Applicants, split_rejects
from scoring.input.chunks import cut, read_signals, score_applications
from scoring.input.compatibility import check_fit
from scoring.offers.policy import OfferPolicy
from scoring.run.output import SCHEMA
from scoring.scorer import Scorer
from scoring.shap_values.explainer import ShapExplainer

if TYPE_CHECKING:
    import pandas as pd

PROBLEM = "problem"


def open_scorer(
    model: str | Path | None = None,
    *,
    policy: str | Path | None = None,
    offer_policy: str | Path | None = None,
    offers: bool = True,
) -> Scorer:
    """Load a model once, to score with it many times.

    Parameters
    ----------
    model : str or pathlib.Path, optional
        Folder of a trained model, or an MLflow address; by default the registered champion.
    policy : str or pathlib.Path, optional
        TOML file with score scale, cut-offs, grades and flags; by default the policy that the model
        was trained with.
    offer_policy : str or pathlib.Path, optional
        TOML file with limit, rate, term and plan of offers, or the name of a shipped one, such as
        `tax_loan`; by default the shipped `quick_business_loan`.
    offers : bool
        Whether approved applicants get an offer.

    Returns
    -------
    Scorer
        To be given to `score` in place of a model's name.

    Raises
    ------
    ContractError
        If there is no such model, or it was trained on other features than these.

    Examples
    --------
    >>> import scoring
    >>> scorer = scoring.open_scorer("models:/first-time-borrower@champion")
    >>> scorer.label
    'first-time-borrower v1 (trained on simulated firms)'
    """
    chosen, label = resolve(None if model is None else str(model))
    check_fit(chosen)
    settings = chosen.policy if policy is None else Policy.load(Path(policy))
    made = (
        OfferPolicy.load(None if offer_policy is None else Path(offer_policy)) if offers else None
    )
    return Scorer(chosen, label, settings, ShapExplainer(chosen, rows=1), made)


def score(
    applicants: AnyFrame,
    signals: "str | Path | Mapping[str, AnyFrame]",
    model: str | Path | Scorer | None = None,
    *,
    policy: str | Path | None = None,
    offer_policy: str | Path | None = None,
    offers: bool = True,
    today: dt.date | None = None,
) -> "pd.DataFrame":
    """Score applicants, with reasons.

    Parameters
    ----------
    applicants : pandas or Polars DataFrame of shape (n, any)
        Rows of the contract's table `applications` (docs/contract.md); `application_id`,
        `firm_id`, `applied_on` and `first_time` must be there. Dates may be dates or text.
    signals : path, or mapping of table name to DataFrame
        A folder of signal tables, or the tables themselves: `firms`, `coverage`, `invoices` ...,
        pandas or Polars, as many as there are.
    model : str, pathlib.Path or Scorer, optional
        Folder, MLflow address, or what `open_scorer` returned; by default the champion. Whoever
        scores applicants one by one opens the scorer once: loading a model takes seconds, an
        applicant milliseconds.
    policy, offer_policy : str or pathlib.Path, optional
    offers : bool
        As of `open_scorer`; not used where `model` is a Scorer, which has its own.
    today : datetime.date, optional
        Applications dated later are rejected; by default today.

    Returns
    -------
    pandas.DataFrame of shape (n, 41)
        One row for each row of `applicants`, in their order: the columns of the scored CSV, then
        `problem`. `status` is scored, insufficient_data, or rejected, and `problem` says why.

    Raises
    ------
    ContractError
        If a table or column is missing, more than 1 % of a signal table's rows are bad, or the
        model does not fit.

    Warns
    -----
    UserWarning
        Of columns that are ignored.

    Examples
    --------
    >>> import pandas as pd
    >>> import scoring
    >>> applicants = pd.read_csv("world/applications.csv", nrows=3)
    >>> scored = scoring.score(applicants, "world")
    >>> scored[["application_id", "status"]].to_csv(index=False).split()
    ['application_id,status', 'A0000000,scored', 'A0000001,scored', 'A0000002,scored']
    >>> bool(scored["pd"].between(0, 1).all() and scored["score"].between(300, 850).all())
    True
    """
    scorer = (
        model
        if isinstance(model, Scorer)
        else open_scorer(model, policy=policy, offer_policy=offer_policy, offers=offers)
    )
    reading = read_frame(applicants, "applications")
    people = split_rejects(reading, today=today or dt.datetime.now().astimezone().date())
    if isinstance(signals, Mapping):
        frames, bad, notes = read_signals_of(signals)
        bad_rows = [bad]
    else:
        opened = Signals.open(Path(signals))
        found_at_opening = dict(opened.rejects)
        opened.rejects.clear()
        firms = {b: f for chunk in _whole(people, opened) for b, f in chunk.items()}
        frames = read_signals(opened, firms) if firms else {}
        bad_rows, notes = [found_at_opening, opened.rejects], tuple(opened.warnings)
    for note in (*reading.warnings, *notes):
        warnings.warn(note, stacklevel=2)
    if people.frame.is_empty() or not frames:
        rows, rejects = pl.DataFrame(schema={**SCHEMA, "row": pl.UInt32}), people.rejects
    else:
        result = score_applications(people.frame, frames, scorer, bad_rows=bad_rows)
        rows, rejects = result.rows, people.rejects.vstack(result.rejects)
    return _every_row(reading.rows, rows, rejects, people, scorer)


def _whole(people: Applicants, opened: Signals) -> list[dict[str, list[str]]]:
    size = max(people.frame.height, 1)
    return [chunk.firms for chunk in cut(people.frame, opened, size=size)]


def _every_row(
    read: int, rows: pl.DataFrame, rejects: pl.DataFrame, people: Applicants, scorer: Scorer
) -> "pd.DataFrame":
    """Put scored and rejected rows into the order of the input."""
    if rejects.is_empty() and rows.height == read:
        nothing = pl.Series(PROBLEM, [None], dtype=pl.String).new_from_index(0, read)
        return _in_pandas(rows[list(SCHEMA)].hstack([nothing]))
    lines = people.frame.select("row", "line")
    scored = rows.join(lines, on="row", how="left").with_columns(
        pl.lit(None, pl.String).alias(PROBLEM)
    )
    columns = ["line", *SCHEMA, PROBLEM]
    if rejects.height:
        why = pl.format("{} {}, got '{}'", "column", "problem", pl.col("value").fill_null(""))
        refused = rejects.group_by("line", maintain_order=True).agg(
            pl.col("application_id").first(), why.first().alias(PROBLEM)
        )
        blank = [
            pl.lit(None, dtype).alias(name)
            for name, dtype in SCHEMA.items()
            if name not in ("application_id", "status", "model")
        ]
        refused = refused.with_columns(
            *blank, status=pl.lit("rejected"), model=pl.lit(scorer.label)
        )
        scored = pl.concat([scored.select(columns), refused.select(columns)])
    ordered = scored.select(columns).sort("line")
    if ordered.height != read:
        raise ContractError(f"applicants: {read} rows were read, {ordered.height} came out.")
    return _in_pandas(ordered.drop("line"))


def _in_pandas(rows: pl.DataFrame) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 (a second that only those spend who score frames)

    # whole numbers stay whole where some are missing; a column needs no second thread
    whole = {pa.int64(): pd.Int64Dtype()}
    frame: pd.DataFrame = rows.to_arrow().to_pandas(
        types_mapper=whole.get, date_as_object=False, split_blocks=True, use_threads=False
    )
    return frame
