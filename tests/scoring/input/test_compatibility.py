from dataclasses import replace

import pytest

from features.contract.errors import ContractError
from features.table.catalogue import fingerprint
from scoring.input.compatibility import check_fit


def test_a_model_of_this_feature_table_is_taken(model):
    assert check_fit(model) is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"fingerprint": "0" * 16}, "features"),
        ({"fingerprint": ""}, "matrix of your own"),
        (
            {"fingerprint": "0" * 16, "feature_names": ("firm_age", "moon_phase")},
            "first moon_phase",
        ),
    ],
)
def test_another_feature_table_is_refused_with_what_differs_and_what_to_do(model, change, problem):
    with pytest.raises(ContractError, match=problem) as caught:
        check_fit(replace(model, **change))
    assert fingerprint()[:12] in str(caught.value)
    assert "firstloan train" in str(caught.value)
