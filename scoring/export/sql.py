"""SQL script of a model: lookup tables, and one view with score, PD, decision and reason codes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlglot import exp, parse_one

from features.contract.tables import SOURCES
from features.table.feature import SOURCE_COLUMNS
from models.estimators.calibration import FLOOR
from models.estimators.model import OWN
from models.explanation.feature_themes import feature_themes
from models.explanation.reasons import LOOKED_AT, ROUNDING
from scoring.export.lookup_tables import DOUBLE, INT, SCHEMAS, TEXT, LookupTables
from scoring.run.output import REASONS, SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

    from models.estimators.calibration import Calibration
    from models.estimators.model import Model
    from models.policy import Condition, Flag, Policy

MARK = "by firstloan export"
"""What the first line of a script holds."""

Dialect = Literal["duckdb", "postgres", "hive", "spark"]
DIALECTS: tuple[str, ...] = get_args(Dialect)
_WRITTEN_IN = "duckdb"
_EXPLODES = ("hive", "spark")  # the others unnest arrays
_TRANSACTIONS = ("duckdb", "postgres")
_ROWS = 500  # of one INSERT: drivers and gateways refuse long statements
_TYPES = {INT: "BIGINT", DOUBLE: "DOUBLE", TEXT: "VARCHAR"}
_LARGEST = 700.0  # log-odds; beyond, some engines fail at the underflow of EXP
_QUERIES = Environment(  # noqa: S701 - SQL, no HTML
    loader=FileSystemLoader(Path(__file__).with_name("queries")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def sql_script(
    model: Model,
    *,
    dialect: Dialect,
    table: str = "features",
    prefix: str = "firstloan",
    policy: Policy | None = None,
) -> Iterator[str]:
    """Statements that score a table of features as `firstloan score` does, without offers.

    Parameters
    ----------
    model : Model
    dialect : {"duckdb", "postgres", "hive", "spark"}
    table : str
        Name of the table of features, perhaps with its schema: one row for each application_id,
        its columns of type REAL or DOUBLE as `firstloan features` writes them.
    prefix : str
        Start of the names of lookup tables and view.
    policy : Policy, optional
        By default the model's.

    Yields
    ------
    str
        One statement, or a line of comment, without a line end. The view `<prefix>_scored` comes
        last; its columns are application_id, status, score, pd, grade, decision, flags, and of each
        reason its code, the feature that stands for it, its value, and its text in two languages.

    Raises
    ------
    ContractError
        If the trees of the model have paths too long to be tabulated.
    """
    lookup = LookupTables.of(model)
    view = _view(
        model, lookup, dialect=dialect, table=table, prefix=prefix, policy=policy or model.policy
    )
    yield f"-- {' '.join(model.label.split())}, for {dialect}, {MARK}."
    yield f"-- Run this script once, then read the view {prefix}_scored."
    if dialect == "hive":
        # each subquery that is read twice would be run twice
        yield "SET hive.optimize.cte.materialize.threshold=2;"
    if dialect in _TRANSACTIONS:
        yield "BEGIN;"
    yield f"DROP VIEW IF EXISTS {prefix}_scored;"
    for name, frame in lookup.tables.items():
        yield from _table(f"{prefix}_{name}", frame, SCHEMAS[name], dialect)
    yield f"CREATE VIEW {prefix}_scored AS\n{view.sql(dialect, pretty=True)};"
    if dialect in _TRANSACTIONS:
        yield "COMMIT;"


def _table(
    name: str, frame: pl.DataFrame, schema: Mapping[str, pl.DataType], dialect: str
) -> Iterator[str]:
    """Statements that make and fill a lookup table."""
    columns = ", ".join(f"{column} {_TYPES[dtype]}" for column, dtype in schema.items())
    create = parse_one(f"CREATE TABLE {name} ({columns})", read=_WRITTEN_IN)
    yield f"DROP TABLE IF EXISTS {name};"
    yield f"{create.sql(dialect)};"
    for start in range(0, frame.height, _ROWS):
        rows = (
            f"({', '.join(_literal(value, dialect) for value in row)})"
            for row in frame[start : start + _ROWS].iter_rows()
        )
        yield f"INSERT INTO {name} VALUES\n" + ",\n".join(rows) + ";"
    if dialect in _TRANSACTIONS:
        yield f"ANALYZE {name};"


def _literal(value: object, dialect: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int):
        return str(value)
    return exp.Literal.string(str(value)).sql(dialect)


def number(value: float) -> str:
    """Write a double that every dialect reads as a double, to the last bit."""
    if not math.isfinite(value):
        raise ValueError(f"no SQL literal for {value}")
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def _view(
    model: Model,
    lookup: LookupTables,
    *,
    dialect: str,
    table: str,
    prefix: str,
    policy: Policy,
) -> exp.Expr:
    """Query of the view."""
    ours = model.trained_on != OWN
    known = feature_themes(model.feature_names)
    flags = policy.flags if ours else ()
    columns = _Columns(model, (*SOURCE_COLUMNS, *_read_by(flags)) if ours else ())
    needed = policy.sufficiency
    days = [
        (source, f"FLOOR(COALESCE({columns[name]}, 0) * {needed.window_days} + 0.5)")
        for source, name in zip(SOURCES, SOURCE_COLUMNS, strict=True)
        if ours
    ]
    text = _QUERIES.get_template("scored.sql").render(
        prefix=prefix,
        table=exp.to_table(table).sql(_WRITTEN_IN),
        id_column="application_id" if ours else "id",
        columns=columns.expressions,
        known_days=days,
        enough=" OR ".join(f"{each} >= {needed.known_days}" for _, each in days) or "1 = 1",
        flags=_flags(flags, columns),
        value="SELECT 1",
        sources=list(enumerate(SOURCES)),
        absent=known.absent,
        harmless=known.harmless,
        rounding=number(ROUNDING),
        looked_at=LOOKED_AT * REASONS,
        places=range(1, REASONS + 1),
        intercept=number(lookup.intercept),
        pd=_calibrated(model.calibration),
        floor=number(FLOOR),
        offset=number(policy.score.offset),
        factor=number(policy.score.factor),
        lowest=policy.score.lowest,
        highest=policy.score.highest,
        grades=[(_text(grade.name), number(grade.pd_below)) for grade in policy.grades],
        insufficient_data=policy.decision.insufficient_data,
        approve_below=number(policy.decision.approve_below),
        decline_from=number(policy.decision.decline_from),
    )
    query = parse_one(text, read=_WRITTEN_IN)
    value = next(cte for cte in query.args["with_"].expressions if cte.alias == "feature_value")
    value.set("this", _unpivoted(len(model.feature_names), dialect))
    return query


class _Columns:
    """Columns of the table of features by name, as `f0`, `f1` ...: the model's come first."""

    def __init__(self, model: Model, further: Sequence[str]) -> None:
        names = dict.fromkeys([*model.feature_names, *further])
        self._aliases = {name: f"f{number}" for number, name in enumerate(names)}
        self.expressions = [(alias, _value(model, name)) for name, alias in self._aliases.items()]

    def __getitem__(self, name: str) -> str:
        return self._aliases[name]


def _value(model: Model, name: str) -> str:
    """Number of a feature, or code of its category; NULL where it is missing."""
    column = exp.to_identifier(model.columns.get(name, name), quoted=True).sql(_WRITTEN_IN)
    if name in model.levels:
        words = " ".join(
            f"WHEN {_text(word)} THEN {number(code)}"
            for code, word in enumerate(model.levels[name])
        )
        return f"CASE CAST({column} AS VARCHAR) {words} END"
    return f"NULLIF(CAST({column} AS DOUBLE), CAST('NaN' AS DOUBLE))"


def _text(word: str) -> str:
    return exp.Literal.string(word).sql(_WRITTEN_IN)


def _unpivoted(features: int, dialect: str) -> exp.Expr:
    """One row for each feature of an applicant with enough data."""
    values = ", ".join(f"i.f{number}" for number in range(features))
    enough = "FROM feature_row AS i JOIN applicant AS a ON a.application_id = i.application_id"
    if dialect in _EXPLODES:
        return parse_one(
            f"SELECT i.application_id, u.feature_no, u.value {enough} "
            f"LATERAL VIEW POSEXPLODE(ARRAY({values})) u AS feature_no, value "
            "WHERE a.is_enough = 1",
            read="hive",
        )
    numbers = ", ".join(map(str, range(features)))
    return parse_one(
        f"SELECT i.application_id, UNNEST([{numbers}]) AS feature_no, "
        f"UNNEST([{values}]) AS value {enough} WHERE a.is_enough = 1",
        read=_WRITTEN_IN,
    )


def _read_by(flags: Sequence[Flag]) -> list[str]:
    return [condition.feature for flag in flags for condition in flag.all]


def _flags(flags: Sequence[Flag], columns: _Columns) -> str:
    """Names of the raised flags, joined as in the scored CSV."""
    if not flags:
        return "''"
    raised = [
        f"CASE WHEN {' AND '.join(_holds(each, columns) for each in flag.all)} "
        f"THEN '{SEPARATOR}{flag.name}' ELSE '' END"
        for flag in flags
    ]
    return f"SUBSTRING(CONCAT({', '.join(raised)}), 2)"


def _holds(condition: Condition, columns: _Columns) -> str:
    """One comparison; with the threshold in single precision, which features have."""
    above = condition.below is None
    threshold = condition.above if above else condition.below
    single = number(float(np.float32(threshold)))
    return f"{columns[condition.feature]} {'>' if above else '<'} {single}"


def _calibrated(calibration: Calibration) -> str:
    """PD as an expression of the column `margin`, before the floor."""
    if calibration.kind == "isotonic":
        return _interpolated(calibration.margins, calibration.rates)
    inside = f"LEAST(GREATEST(margin, {number(-_LARGEST)}), {number(_LARGEST)})"
    up = f"-(GREATEST(-{inside}, 0.0) + LN(1 + EXP(-ABS({inside}))))"
    down = f"(GREATEST({inside}, 0.0) + LN(1 + EXP(-ABS({inside}))))"
    logit = f"{number(calibration.a)} * ({up}) + {number(calibration.b)} * {down}"
    logit = f"{logit} + {number(calibration.c)}"
    return f"1 / (1 + EXP(-LEAST(GREATEST({logit}, {number(-_LARGEST)}), {number(_LARGEST)})))"


def _interpolated(margins: Sequence[float], rates: Sequence[float]) -> str:
    """Straight lines between the centres of isotonic blocks, constant outside."""
    cases = [f"WHEN margin <= {number(margins[0])} THEN {number(rates[0])}"]
    for k in range(1, len(margins)):
        slope = (rates[k] - rates[k - 1]) / (margins[k] - margins[k - 1])
        line = f"{number(rates[k - 1])} + {number(slope)} * (margin - {number(margins[k - 1])})"
        cases.append(f"WHEN margin <= {number(margins[k])} THEN {line}")
    return f"CASE {' '.join(cases)} ELSE {number(rates[-1])} END"
