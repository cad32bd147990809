"""The feature table of open loans: every feature of an application, and those of the loan."""

from functools import cache

from features.loan.loan_features import LOAN
from features.table.catalogue import FEATURES, fingerprint_of
from features.table.feature import Feature, check_table

OPEN_LOAN_FEATURES: tuple[Feature, ...] = check_table((*FEATURES, *LOAN))
"""Every feature of an open loan, in the order of the feature matrix."""


@cache
def open_loan_feature_names() -> tuple[str, ...]:
    """Columns of the feature matrix of open loans, in order."""
    return tuple(feature.name for feature in OPEN_LOAN_FEATURES)


@cache
def open_loan_fingerprint() -> str:
    """Hash of the feature table of open loans."""
    return fingerprint_of(OPEN_LOAN_FEATURES)
