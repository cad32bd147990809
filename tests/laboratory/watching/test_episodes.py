import datetime as dt

import polars as pl

from laboratory.watching.episodes import alarms, days_behind, threshold_at

START = dt.date(2024, 1, 1)
SEEN = START + dt.timedelta(days=800)


def watched(loan, values, *, default=None, ended=None, fraud=False, seen=SEEN):
    """One value a month of thirty days."""
    day = [START + dt.timedelta(days=30 * k) for k in range(len(values))]
    return pl.DataFrame(
        {
            "loan_id": [loan] * len(day),
            "as_of": day,
            "default_on": [default] * len(day),
            "ended_on": [ended] * len(day),
            "seen_until": [seen] * len(day),
            "fraud": [fraud] * len(day),
            "x": [float(v) for v in values],
        },
        schema_overrides={"default_on": pl.Date, "ended_on": pl.Date},
    )


def test_an_alarm_opens_an_episode_of_ninety_days():
    found = alarms(watched("a", [1, 1, 1, 1, 0, 0, 1]), "x", 0.5)
    assert (found.false, found.months, found.defaults) == (3, 7, 0)
    assert found.false_rate == 1000 * 3 / 7


def test_a_default_within_a_year_makes_it_true_and_early_is_sixty_days_before():
    day = START + dt.timedelta(days=150)
    early = alarms(watched("a", [0, 1, 0, 0, 0], default=day), "x", 0.5)
    assert (early.false, early.warned, early.defaults, early.lead) == (0, 1, 1, 120.0)
    late = alarms(watched("a", [0, 0, 0, 0, 1], default=day), "x", 0.5)
    assert (late.false, late.warned, late.defaults, late.lead) == (0, 0, 1, 30.0)


def test_fraud_is_not_asked_to_be_foreseen():
    day = START + dt.timedelta(days=150)
    assert alarms(watched("a", [1] * 5, default=day, fraud=True), "x", 0.5).defaults == 0


def test_an_episode_that_was_not_observed_for_a_year_is_left_out():
    soon = START + dt.timedelta(days=200)
    assert alarms(watched("a", [1, 0], seen=soon), "x", 0.5).months == 0
    assert alarms(watched("a", [1, 0], seen=soon, ended=soon), "x", 0.5).false == 1


def test_the_threshold_keeps_the_rate_of_false_alarms():
    frames = [watched(f"g{k}", [k / 50]) for k in range(50)]
    world = pl.concat(frames)
    threshold = threshold_at(world, "x", 100.0)
    assert alarms(world, "x", threshold).false == 5


def test_how_late_an_alarm_is_counts_from_the_first_day_that_the_other_told():
    day = START + dt.timedelta(days=150)
    world = watched("a", [0, 0, 0, 1, 1], default=day).with_columns(
        truth=pl.Series([0, 1, 1, 1, 1])
    )
    never = watched("b", [0, 0, 1], default=None).with_columns(truth=pl.Series([1, 1, 1]))
    hidden = watched("c", [0, 0, 1], default=day, fraud=True).with_columns(
        truth=pl.Series([1, 1, 1])
    )
    assert days_behind(pl.concat([world, never, hidden]), ("x", 0.5), ("truth", 0.5)) == 60
