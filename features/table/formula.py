"""Feature formulas that declare their parts, so that many can be evaluated at once.

A ratio declares its numerator and denominator. A formula that several features share declares its
form and the columns that stand in it. The engine (`features.engine.formula_batch`) evaluates all
formulas of one form together and divides all ratios at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import polars as pl


@dataclass(frozen=True, eq=False)
class Formula:
    """A formula and its parts.

    Attributes
    ----------
    value : polars.Expr
        The formula; of a ratio, its numerator.
    denominator : polars.Expr or None
        Of a ratio; the quotient is missing unless it is above zero.
    form : str
        Name shared by formulas that differ only in `columns`; empty for a formula of its own.
    columns : tuple of str
        Columns that the formula reads; of a form, in the order of its arguments.
    """

    value: pl.Expr
    denominator: pl.Expr | None = None
    form: str = ""
    columns: tuple[str, ...] = ()

    @property
    def expression(self) -> pl.Expr:
        """The formula as one expression."""
        if self.denominator is None:
            return self.value
        return pl.when(self.denominator > 0).then(self.value / self.denominator)

    @classmethod
    def of(cls, formula: "pl.Expr | Formula") -> "Formula":
        """Formula of an expression; a plain column has the form of all plain columns."""
        if isinstance(formula, Formula):
            return formula
        form = "column" if formula.meta.is_column() else ""
        return cls(formula, form=form, columns=tuple(dict.fromkeys(formula.meta.root_names())))


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> Formula:
    """Ratio of two expressions; missing unless the denominator is above zero."""
    parts = (numerator, denominator)
    plain = all(part.meta.is_column() for part in parts)
    names = [name for part in parts for name in part.meta.root_names()]
    columns = tuple(names) if plain else tuple(dict.fromkeys(names))
    return Formula(numerator, denominator, form="ratio" if plain else "", columns=columns)


def change(now: pl.Expr, before: pl.Expr) -> Formula:
    """Symmetric relative change, from -1 (stopped) to 1 (new); missing if both levels are zero.

    (now - before) / (now + before): a fall to a half and a rise to the double weigh the same, and a
    small base makes no huge figure. A level below zero, where more was taken back than sold, counts
    as zero.
    """
    plain = ratio(now, before)
    now, before = now.clip(0), before.clip(0)
    form = "change" if plain.form else ""
    return Formula(now - before, now + before, form=form, columns=plain.columns)


def formula_of_columns(
    function: Callable[..., pl.Expr | Formula],
) -> Callable[..., Formula]:
    """Turn a function of expressions into one of column names, whose formulas share a form.

    Parameters
    ----------
    function : callable
        Takes one expression per column.
    """
    # with the module: functions of one name in two modules are two forms
    form = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def declare(*columns: str) -> Formula:
        made = Formula.of(function(*map(pl.col, columns)))
        return Formula(made.value, made.denominator, form=form, columns=columns)

    return declare


@formula_of_columns
def difference(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Difference of two columns."""
    return a - b


@formula_of_columns
def log_ratio(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Logarithm of a ratio: 0 if equal, 0.7 the double, -0.7 the half; missing unless both > 0."""
    return pl.when((a > 0) & (b > 0)).then((a / b).log())


@formula_of_columns
def mean_of(*columns: pl.Expr) -> pl.Expr:
    """Mean of several columns, of those that are known."""
    return pl.mean_horizontal(columns)
