"""Weeks of a firm's latent path, from its past loans to the end of the longest new one.

Week `HISTORY` is the week of the application. Before it lie the weeks of the signals and, earlier,
weeks in which past loans ran; after it come as many as the longest loan takes to be 90 days past
due.
"""

import numpy as np

WEEK = 7
DAYS_A_MONTH = 365.25 / 12

STEP = WEEK / DAYS_A_MONTH
"""A week in months."""

EARLIER = 52
"""Weeks of latent past before the first signal."""

SIGNAL_WEEKS = 65
"""Weeks of signals before the application: 455 days."""

HISTORY = EARLIER + SIGNAL_WEEKS
"""Weeks of latent past; index of the week of the application."""

LONGEST_TERM = 24
"""Months of the longest loan that can be offered."""

DAYS_PAST_DUE = 90
"""Days by which the oldest unpaid instalment is late in a default."""

SHORT_IN_A_ROW = 3
"""Month-ends without cash that make 90 days past due."""


def _week_of(month: int) -> int:
    return round(month * DAYS_A_MONTH / WEEK)


MONTH_ENDS = np.array([_week_of(m) for m in range(1, LONGEST_TERM + SHORT_IN_A_ROW)])
"""Weeks after the application at which an instalment may fall due, months 1 to 26."""

LABEL_MONTHS = 11
"""Month-ends that decide the 12-month label: the last run that counts begins in month 9."""

YEAR = 52
"""Weeks of the year in which a default counts."""

FUTURE = _week_of(LONGEST_TERM) + -(-DAYS_PAST_DUE // WEEK) + 1
"""Weeks of latent future: the longest term and 90 days."""

WEEKS = HISTORY + FUTURE + 1
"""Weeks of a latent path."""

PAST_MONTH_ENDS = np.array([HISTORY - _week_of(m) for m in range(2 * 12 + 1)])
"""Weeks of the month-ends before the application, the latest (the application itself) first."""
