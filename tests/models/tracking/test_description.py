"""The description of a run says what it can when hardly any applicant went bad."""

import pytest

from models.tracking.log_runs import _with_interval


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"auc": 0.7361, "auc_low": 0.65, "auc_high": 0.802}, "0.736 (0.650 to 0.802)"),
        ({"auc": 0.7361}, "0.736 (too few bads for an interval)"),
        ({}, "unknown (too few bads)"),
    ],
)
def test_a_missing_interval_is_said(figures, said):
    assert _with_interval(figures, "auc", 3) == said
