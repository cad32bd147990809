"""Formulas evaluated together: those of one form as one expression, all ratios in one division.

Two hundred features are a change, a ratio or a difference of some two columns. What a query costs
depends on its expressions long before it depends on its rows; so the columns of all features of
one form are put below each other, and their formula is evaluated once. For the same reason a query
gives the numerators and denominators of ratios, and NumPy divides them all at once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from features.arrays import FloatArray, Floats, Positions
from features.engine.period_sums import frame_of
from features.table.feature import Feature
from features.table.formula import Formula

_FEW = 32
"""Up to so many applications forms share a query: filling up costs less than more queries."""


class Formulas:
    """Formulas as a query evaluates them, ratios undivided.

    Parameters
    ----------
    formulas : mapping of name to Formula

    Attributes
    ----------
    expressions : list of polars.Expr
        The formulas in their order, of a ratio its numerator; then the denominators.
    """

    def __init__(self, formulas: Mapping[str, Formula]) -> None:
        self._count = len(formulas)
        ratios = [k for k, f in enumerate(formulas.values()) if f.denominator is not None]
        self._ratios = np.array(ratios, dtype=np.intp)
        self.expressions = [
            *(formula.value.alias(name) for name, formula in formulas.items()),
            *(
                formula.denominator.alias(f"{name} denominator")
                for name, formula in formulas.items()
                if formula.denominator is not None
            ),
        ]

    @cached_property
    def numbers(self) -> list[pl.Expr]:
        """The expressions as Float64; without, some give truth values or whole numbers."""
        return [expression.cast(pl.Float64) for expression in self.expressions]

    def divide(self, evaluated: Floats) -> Floats:
        """Give the values of the formulas.

        Parameters
        ----------
        evaluated : ndarray of shape (n_expressions, ...)
            Values of the expressions, NaN where missing; overwritten.

        Returns
        -------
        ndarray of shape (n_formulas, ...)
        """
        values, denominators = evaluated[: self._count], evaluated[self._count :]
        with np.errstate(divide="ignore", invalid="ignore"):
            quotients = values[self._ratios] / denominators
        values[self._ratios] = np.where(denominators > 0, quotients, np.nan)
        return values


@dataclass(frozen=True, eq=False)
class Alike:
    """Features whose formulas have the same form.

    Attributes
    ----------
    formula : Formula
        That of one of the features; one value from each row.
    inputs : tuple of str
        Columns it reads.
    rows : ndarray of shape (n_inputs, n_features)
        What each feature reads in their place, as rows of the values that are given.
    places : ndarray of shape (n_features,)
        Columns of the feature matrix.
    """

    formula: Formula
    inputs: tuple[str, ...]
    rows: Positions
    places: Positions


class Query:
    """Forms whose formulas read different columns, so that they can stand in one frame.

    Parameters
    ----------
    forms : sequence of Alike
    """

    def __init__(self, forms: Sequence[Alike]) -> None:
        self.forms = tuple(forms)
        self.formulas = Formulas({str(k): form.formula for k, form in enumerate(forms)})
        self.inputs = [name for form in forms for name in form.inputs]
        self.places = np.concatenate([form.places for form in forms])
        counts = [len(form.places) for form in forms]
        self._below = np.concatenate([np.arange(count) for count in counts])
        self._form = np.repeat(np.arange(len(forms)), counts)
        # shorter columns are filled up from the last of the values, which is missing
        self._rows = np.full((len(self.inputs), max(counts)), -1, dtype=np.intp)
        for row, of_form in zip(
            self._rows, (rows for form in forms for rows in form.rows), strict=True
        ):
            row[: len(of_form)] = of_form

    def plan(self, values: Floats) -> pl.LazyFrame:
        """Give the formulas what they read.

        Parameters
        ----------
        values : ndarray of shape (n_values, n)
            NaN is missing; the last row is all of it where there are several forms.
        """
        read = values[self._rows].reshape(len(self.inputs), -1)
        return frame_of(self.inputs, read).lazy().select_seq(self.formulas.numbers)

    def features(self, evaluated: pl.DataFrame) -> Floats:
        """Take the features, shape (n, n_features) in the order of `places`, from the plan's."""
        columns = np.stack([column.to_numpy() for column in evaluated.get_columns()])
        by_form = self.formulas.divide(columns).reshape(len(self.forms), self._rows.shape[1], -1)
        matrix: Floats = by_form[self._form, self._below].T
        return matrix

    @cached_property
    def alone(self) -> tuple["Query", ...]:
        """Each form in a query of its own."""
        return tuple(Query([form]) for form in self.forms)


def by_form(
    features: Iterable[Feature],
    places: Mapping[str, int],
    row: Callable[[Feature, str], int],
) -> tuple[Query, ...]:
    """Group features by the form of their formulas, and the forms to as few queries as will do.

    Parameters
    ----------
    features : iterable of Feature
        Their formulas give one value from each row.
    places : mapping of name to column of the feature matrix
    row : callable
        Gives the row of the values that a feature reads by a name.
    """
    groups: dict[object, list[tuple[Feature, tuple[str, ...]]]] = {}
    for feature in features:
        columns = feature.formula.columns
        read = tuple(dict.fromkeys(columns))
        # formulas of one form are alike only if a column stands in the same places of both
        alike = (feature.formula.form, tuple(map(read.index, columns)))
        group = groups.setdefault(alike if feature.formula.form else feature.formula, [])
        group.append((feature, read))
    queries: list[tuple[set[str], list[Alike]]] = []
    # those with fewest features have the least choice of columns
    for group in sorted(groups.values(), key=len):
        for taken, forms in queries:  # noqa: B007 - the one it stops at takes the form
            free = [k for k, (_, read) in enumerate(group) if taken.isdisjoint(read)]
            if free:
                break
        else:
            taken, forms, free = set(), [], [0]
            queries.append((taken, forms))
        shown, inputs = group[free[0]]
        taken.update(inputs)
        forms.append(
            Alike(
                shown.formula,
                inputs,
                np.array([[row(feature, name) for name in read] for feature, read in group]).T,
                np.array([places[feature.name] for feature, _ in group], dtype=np.intp),
            )
        )
    return tuple(Query(forms) for _, forms in queries)


def evaluate(queries: Sequence[Query], values: Floats, matrix: FloatArray) -> None:
    """Fill in the columns of features.

    Parameters
    ----------
    queries : sequence of Query
    values : ndarray of shape (n_values, n)
        What features read; NaN is missing.
    matrix : ndarray of shape (n, all features)
    """
    if len(matrix) <= _FEW:
        values = np.concatenate([values, np.full((1, len(matrix)), np.nan)])
    else:
        queries = [alone for query in queries for alone in query.alone]
    plans = [query.plan(values) for query in queries]
    for query, evaluated in zip(queries, collect(plans), strict=True):
        matrix[:, query.places] = query.features(evaluated)


def collect(plans: Sequence[pl.LazyFrame]) -> list[pl.DataFrame]:
    """Evaluate plans in one call: by itself it costs as much as one applicant's rows."""
    # a plan without joins or files has nothing to gain from being rearranged
    return pl.collect_all(plans, optimizations=pl.QueryOptFlags.none(), engine="in-memory")
