import pytest

from features.contract.errors import ContractError
from features.table.catalogue import FEATURES
from models.data.exclusion import excluded
from models.data.training_data import catalogue_exclusions

NAMES = ["sales", "sales_trend", "kwh"]


def test_names_and_patterns():
    assert excluded(["kwh"], NAMES) == {"kwh"}
    assert excluded(["sales*"], NAMES) == {"sales", "sales_trend"}
    assert excluded(["kw?", "sales"], NAMES) == {"kwh", "sales"}
    assert excluded([], NAMES) == frozenset()


def test_themes_and_sources_of_the_catalogue():
    tax = {feature.name for feature in FEATURES if feature.source == "tax"}
    credit = {feature.name for feature in FEATURES if feature.theme == "credit"}
    assert catalogue_exclusions(["source:tax"]) == tax
    assert catalogue_exclusions(["theme:credit", "source:tax"]) == tax | credit


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("sale", r"'sale' is no feature and no pattern that one matches. Did you mean 'sales'\?"),
        ("gas_*", "'gas_\\*' is no feature"),
        ("source:tax", "a matrix of your own does not have"),
    ],
)
def test_an_entry_that_leaves_nothing_out_is_misspelt(entry, words):
    with pytest.raises(ContractError, match=words):
        excluded([entry], NAMES)


def test_an_unknown_source_is_told_with_those_that_are():
    with pytest.raises(ContractError, match=r"'source:gas' is none of .*source:electricity"):
        catalogue_exclusions(["source:gas"])
