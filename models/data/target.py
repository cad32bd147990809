"""What a model predicts: default of an application, or of an open loan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.loan.catalogue import OPEN_LOAN_FEATURES, open_loan_fingerprint
from features.table.catalogue import FEATURES, fingerprint

if TYPE_CHECKING:
    from features.table.feature import Feature


@dataclass(frozen=True)
class Target:
    """Label of a model, and the rows that bear it.

    Attributes
    ----------
    kind : {"application", "open_loan"}
    months : int
        Horizon: default within so many months.
    rows : str
        What the rows are, in words.
    default : str
        The label in words.
    """

    kind: str
    months: int
    rows: str
    default: str

    @property
    def features(self) -> tuple[Feature, ...]:
        """Its feature table."""
        return OPEN_LOAN_FEATURES if self.kind == OPEN_LOAN.kind else FEATURES

    @property
    def fingerprint(self) -> str:
        """Fingerprint of its feature table."""
        return open_loan_fingerprint() if self.kind == OPEN_LOAN.kind else fingerprint()


APPLICATION = Target(
    kind="application",
    months=12,
    rows="applications",
    default="90 days past due within 12 months of disbursement",
)
OPEN_LOAN = Target(
    kind="open_loan",
    months=6,
    rows="months of open loans",
    default="first 90 days past due within 6 months of the day looked at",
)
TARGETS = {target.kind: target for target in (APPLICATION, OPEN_LOAN)}
"""Targets by kind."""
