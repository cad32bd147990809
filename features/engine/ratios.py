"""Formulas as a query evaluates them: of a ratio, what is divided and what divides.

Nearly half of all features are ratios. To compare, to choose and to divide costs a query more than
the figures that are compared; NumPy does it for all of them at once.
"""

from collections.abc import Mapping
from functools import cached_property
from itertools import permutations

import numpy as np
import polars as pl

from features.arrays import Floats
from features.table.feature import ratio


class Formulas:
    """Some formulas, by the name of what they give.

    Parameters
    ----------
    formulas : mapping of name to polars.Expr

    Attributes
    ----------
    expressions : list of polars.Expr
        The formulas in their order, the dividend in place of a ratio; then the divisors.
    """

    def __init__(self, formulas: Mapping[str, pl.Expr]) -> None:
        parts = {name: _parts(formula) for name, formula in formulas.items()}
        ratios = [k for k, both in enumerate(parts.values()) if both is not None]
        self._count = len(parts)
        self._ratios = np.array(ratios, dtype=np.intp)
        self.expressions = [
            *((both[0] if both else formulas[name]).alias(name) for name, both in parts.items()),
            *(both[1].alias(f"{name} divisor") for name, both in parts.items() if both),
        ]

    @cached_property
    def numbers(self) -> list[pl.Expr]:
        """The expressions as Float64; without, some give truth values or whole numbers."""
        return [expression.cast(pl.Float64) for expression in self.expressions]

    def divide(self, evaluated: Floats) -> Floats:
        """Give what the formulas give.

        Parameters
        ----------
        evaluated : ndarray of shape (n_expressions, ...)
            Values of the expressions, NaN where missing; overwritten.

        Returns
        -------
        ndarray of shape (n_formulas, ...)
        """
        found, divisors = evaluated[: self._count], evaluated[self._count :]
        with np.errstate(divide="ignore", invalid="ignore"):
            quotients = found[self._ratios] / divisors
        found[self._ratios] = np.where(divisors > 0, quotients, np.nan)
        return found


def _parts(formula: pl.Expr) -> tuple[pl.Expr, pl.Expr] | None:
    """Take a ratio apart; None if the formula is none."""
    for branch in formula.meta.pop():
        # in which order an expression gives up what it is made of is not laid down
        for top, bottom in permutations(branch.meta.pop(), 2):
            if formula.meta.eq(ratio(top, bottom)):
                return top, bottom
    return None
