"""Manifest of a scoring run: hashes, versions, settings and counts."""

import datetime as dt
import hashlib
import platform
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from features.contract.tables import CONTRACT_VERSION
from features.io.storage import fingerprint_of, sha256_of
from features.table.catalogue import fingerprint
from models.policy import Policy
from scoring.input.applicants import Applicants
from scoring.offers.policy import OfferPolicy
from scoring.run.publish import RunResult

_PACKAGES = ("firstloan", "numpy", "polars", "lightgbm", "scikit-learn")


@dataclass(frozen=True, eq=False)
class Run:
    """Inputs that determine the scored CSV.

    Attributes
    ----------
    plan : mapping
        Hashes and settings; two runs with one plan give the same chunks.
    """

    plan: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        *,
        people: Applicants,
        signals: Path,
        buckets: Collection[str],
        model: Path,
        label: str,
        policy: Policy,
        offers: OfferPolicy | None,
        chunk_size: int,
        shadow: Mapping[str, Any] | None = None,
    ) -> Self:
        """Hash everything that goes in.

        Parameters
        ----------
        people : Applicants
        signals : pathlib.Path
            Folder of the signal tables.
        buckets : collection of str
            Only files of these buckets, and those of none, are read and hashed.
        model : pathlib.Path
            Folder of the model, hashed as it is.
        label : str
        policy : Policy
        offers : OfferPolicy or None
        chunk_size : int
        shadow : mapping, optional
            Label, hash and policy of the challenger that scores along.
        """
        plan = {
            "contract": CONTRACT_VERSION,
            "firstloan": metadata.version("firstloan"),
            "features": fingerprint(),
            "applicants_sha256": people.sha256,
            "applicants_fit": people.frame.height,
            "signals_fingerprint": _of_files(signals, fingerprint_of, buckets=buckets),
            "model": label,
            "model_sha256": hash_of_model(model),
            "policy": policy.model_dump(mode="json"),
            "offer_policy": None if offers is None else offers.model_dump(mode="json"),
            "chunk_size": chunk_size,
            **({} if shadow is None else {"shadow": dict(shadow)}),
        }
        return cls(plan)

    def manifest(
        self, result: RunResult, *, warnings: Collection[str], seconds: float, **settings: object
    ) -> dict[str, Any]:
        """What `scored.manifest.json` says, but for the hashes of the outputs."""
        return {
            **self.plan,
            "settings": {key: _plain(value) for key, value in settings.items()},
            "counts": {
                "read": result.read,
                "scored": result.scored,
                "insufficient_data": result.insufficient,
                "rejected": result.rejected,
                "bad_signal_entries": result.bad_signals,
                **{
                    column: result.aggregates.columns.get(column, {})
                    for column in ("decision", "grade", "flags", "missing_sources")
                },
            },
            "warnings": list(warnings),
            "versions": {
                "python": platform.python_version(),
                **{package: metadata.version(package) for package in _PACKAGES},
            },
            "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 2),
        }


def hash_of_model(folder: Path) -> str:
    """Hash of a model's folder as it is."""
    return _of_files(folder, sha256_of)


def _of_files(
    folder: Path, of_one: Callable[[Path], str], *, buckets: Collection[str] | None = None
) -> str:
    """Hash the names of all files below a folder and what `of_one` says of each.

    Files of buckets (`bucket=<name>/`) other than those given are left out.
    """
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=str):
        bucket = path.parent.name.removeprefix("bucket=")
        cut_away = buckets is not None and bucket != path.parent.name and bucket not in buckets
        if path.is_file() and not cut_away:
            name = path.relative_to(folder).as_posix()
            total.update(f"{name}\n{of_one(path)}\n".encode())
    return total.hexdigest()


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
