import numpy as np
import pytest

from models.data.time_folds import FIRST_SHARE, TIME_FOLDS, fold_rows, time_folds


@pytest.mark.parametrize("n", [20, 999, 1_000])
def test_each_fold_follows_the_one_before_and_the_last_ends_the_sample(n):
    cuts = time_folds(np.arange(n) % 2)
    assert len(cuts) == TIME_FOLDS
    assert [end for _, end in cuts][:-1] == [cut for cut, _ in cuts][1:]
    assert cuts[-1][1] == n
    assert cuts[0][0] == pytest.approx(FIRST_SHARE * n, abs=TIME_FOLDS)


def test_a_fold_with_one_class_is_left_out():
    bad = np.zeros(100)
    bad[[5, 70]] = 1
    assert time_folds(bad) == [(60, 80)]


@pytest.mark.parametrize("bad", [np.zeros(0), np.zeros(3), np.ones(50)])
def test_without_two_classes_there_is_no_fold(bad):
    assert time_folds(bad) == []


def test_no_firm_stands_on_both_sides_of_a_fold():
    rng = np.random.default_rng(4)
    groups, bad = rng.integers(0, 50, 3_000), (rng.random(3_000) < 0.1).astype(float)
    folds = fold_rows(bad, groups)
    assert len(folds) == TIME_FOLDS
    for past, later in folds:
        assert not {*groups[past]} & {*groups[later]}
        assert past.max() < later.min()
    assert {*np.concatenate([groups[later] for _, later in folds])} == {*range(50)}


def test_without_groups_the_folds_are_those_of_time():
    bad = np.arange(100) % 2
    assert fold_rows(bad, None) == [(slice(cut), slice(cut, end)) for cut, end in time_folds(bad)]
