"""Batch scoring of an applicants file: the function behind `firstloan score`."""

import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from features.contract.errors import ContractError
from features.io.outputs import only_writer, refuse_overwriting
from features.io.signal_reader import Signals
from features.io.storage import absolute
from features.parallel.executor import Progress
from models.estimators.model import Model, save
from models.policy import Policy
from models.tracking.registry import resolve
from scoring.input.applicants import read_applicants
from scoring.input.chunks import CHUNK, cut
from scoring.input.compatibility import check_fit
from scoring.offers.policy import OfferPolicy
from scoring.pages.report import report_html
from scoring.run.aggregates import OfferSums
from scoring.run.checkpoint import Checkpoint
from scoring.run.chunk_runner import ModelFolder, Task, run_chunks
from scoring.run.manifest import Run, hash_of_model
from scoring.run.output import beside
from scoring.run.publish import RunResult, outputs_of, publish
from scoring.shadow.swap_set import SwapSet

if TYPE_CHECKING:
    from features.parallel.dask_cluster import Cluster


@dataclass(frozen=True, kw_only=True)
class ScoreSummary:
    """Row counts of a scoring run: read = scored + insufficient + rejected.

    Attributes
    ----------
    read, scored, insufficient, rejected : int
        Rows of the applicants file.
    decisions, grades : dict of str to int
        Rows of the scored CSV by decision and by grade.
    offers : OfferSums
    swap_set : SwapSet or None
        Decisions of champion and challenger, where one scored along.
    shadow : str
        Label of the challenger; empty without one.
    bad_signals : int
        Entries of the rejects file that tell of left-out signal rows.
    model : str
    warnings : tuple of str
    seconds : float
    outputs : tuple of pathlib.Path
        What was written, the scored CSV first.
    """

    read: int
    scored: int
    insufficient: int
    rejected: int
    decisions: dict[str, int]
    grades: dict[str, int]
    offers: OfferSums
    swap_set: SwapSet | None
    shadow: str
    bad_signals: int
    model: str
    warnings: tuple[str, ...]
    seconds: float
    outputs: tuple[Path, ...]


def score_file(
    *,
    applicants: Path,
    signals: Path,
    out: Path,
    model: str | None = None,
    shadow: str | None = None,
    strict: bool = False,
    workers: int = 1,
    policy: Policy | None = None,
    offer_policy: OfferPolicy | None = None,
    offers: bool = True,
    progress: Progress | None = None,
    today: dt.date | None = None,
    chunk_size: int = CHUNK,
    cluster: "Cluster | None" = None,
) -> ScoreSummary:
    """Score every applicant of a CSV file.

    For `scored.csv` there lie beside it afterwards `scored.rejects.csv`, `scored.manifest.json`
    and `scored.html`. They appear when everything is done; until then finished chunks lie in
    `scored.parts/`, and a run that was killed goes on from there when it is started again.

    Parameters
    ----------
    applicants : pathlib.Path
        CSV file of the contract's table `applications`.
    signals : pathlib.Path
        Folder of signal tables, or the data folder that holds one.
    out : pathlib.Path
        The scored CSV.
    model : str, optional
        Folder or MLflow address; by default the registered champion.
    shadow : str, optional
        Folder or MLflow address of a challenger that scores along: its columns come after the
        champion's, and decide nothing.
    strict : bool
        Whether a single rejected row stops everything.
    workers : int
        Processes.
    policy : Policy, optional
        By default the one that each model was trained with.
    offer_policy : OfferPolicy, optional
        By default the shipped `quick_business_loan`.
    offers : bool
        Whether approved applicants get an offer.
    progress : callable, optional
        Called with applicants done and applicants in all.
    today : datetime.date, optional
        Applications dated later are rejected; by default the day of the run.
    chunk_size : int
        Applicants whose signals are held in memory at once; has no effect on the result.
    cluster : Cluster, optional
        From `features.parallel.executor.connect`: its workers score the chunks, and must see the
        signals.

    Raises
    ------
    ContractError
        If an input cannot be read or does not fit, or a row is rejected and `strict` is set.
        Nothing appears under the names of the outputs then.
    """
    started = time.monotonic()
    _check_folder(out)
    people = read_applicants(applicants, today=today or dt.datetime.now().astimezone().date())
    if strict and people.rejected:
        _refuse(applicants, people.rejects.row(0, named=True), people.rejected)
    opened = Signals.open(signals)
    for path, is_ours in outputs_of(out).items():
        refuse_overwriting(path, inputs=[applicants], signals=opened.folder, is_ours=is_ours)
    with only_writer(out):
        made_by = (offer_policy or OfferPolicy.load()) if offers else None
        chosen, label, settings = _resolved(model, policy, made_by)
        challenger = None if shadow is None else _resolved(shadow, policy, made_by)
        chunks = cut(people.frame, opened, size=chunk_size)
        with TemporaryDirectory() as scratch:
            saved, along = Path(scratch) / "model", Path(scratch) / "shadow"
            save(chosen, saved)
            if challenger is not None:
                save(challenger.model, along)
            run = Run.of(
                people=people,
                signals=opened.folder or signals,
                buckets={bucket for chunk in chunks for bucket in chunk.firms},
                model=saved,
                label=label,
                policy=settings,
                offers=made_by,
                chunk_size=chunk_size,
                shadow=None if challenger is None else _plan(challenger, along),
            )
            parts = Checkpoint(
                beside(out, ".parts"),
                run.plan,
                model=saved,
                shadow=None if challenger is None else along,
            )
        task = Task(
            signals=absolute(signals),
            champion=ModelFolder(folder=parts.model, label=label, policy=settings),
            shadow=None
            if challenger is None
            else ModelFolder(folder=parts.shadow, label=challenger.label, policy=challenger.policy),
            offers=made_by,
            applicants=people.frame.height,
            parts=parts,
        )
        infos = run_chunks(task, chunks, workers=workers, cluster=cluster, progress=progress)
        result = RunResult.of(people, infos, shadow=challenger is not None)
        if strict and result.rejects.height:
            parts.remove()
            _refuse(applicants, result.rejects.row(0, named=True), result.rejects.height)
        warnings = (*people.warnings, *opened.warnings)
        seconds = time.monotonic() - started
        manifest = run.manifest(
            result,
            applicants=applicants,
            signals=signals,
            warnings=warnings,
            seconds=seconds,
            strict=strict,
            workers=workers,
        )
        report = report_html(
            result, manifest=manifest, development=chosen.development, policy=settings, out=out
        )
        outputs = publish(parts, result, out=out, manifest=manifest, report=report)
        return ScoreSummary(
            read=people.read,
            scored=result.scored,
            insufficient=result.insufficient,
            rejected=result.rejected,
            decisions=result.aggregates.columns.get("decision", {}),
            grades=result.aggregates.columns.get("grade", {}),
            offers=result.aggregates.offers,
            swap_set=result.aggregates.swap_set,
            shadow="" if challenger is None else challenger.label,
            bad_signals=result.bad_signals,
            model=label,
            warnings=warnings,
            seconds=seconds,
            outputs=outputs,
        )


class _Resolved(NamedTuple):
    model: Model
    label: str
    policy: Policy


def _resolved(address: str | None, policy: Policy | None, offers: OfferPolicy | None) -> _Resolved:
    """Model of an address, with the policy by which it scores; ContractError if they do not fit."""
    model, label = resolve(address)
    check_fit(model)
    settings = policy or model.policy
    if offers is not None:
        offers.check_grades(tuple(grade.name for grade in settings.grades))
    return _Resolved(model, label, settings)


def _plan(challenger: _Resolved, folder: Path) -> dict[str, object]:
    """What the manifest says of the challenger."""
    return {
        "model": challenger.label,
        "model_sha256": hash_of_model(folder),
        "policy": challenger.policy.model_dump(mode="json"),
    }


def _check_folder(out: Path) -> None:
    if out.is_dir():
        raise ContractError(f"{out}: expected a file name for the scored CSV, got a folder.")
    if not out.parent.is_dir():
        raise ContractError(
            f"{out.parent}: no such folder. Make it first, or choose another --out."
        )


def _refuse(applicants: Path, first: dict[str, object], count: int) -> None:
    where = f"line {first['line']}: " if first["line"] else f"{first['application_id']}: "
    raise ContractError(
        f"{applicants}: {where}{first['column']} {first['problem']}, got {first['value']!r}; "
        f"{count} entries rejected. Mend them or leave out --strict; nothing was written."
    )
