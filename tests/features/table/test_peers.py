import datetime as dt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.engine.build import build_features
from features.io.signal_reader import Signals
from features.table.catalogue import feature_names
from features.table.peers import (
    COMPARED,
    PEERS,
    SMALLEST_CELL,
    apply_reference,
    build_reference,
    places_of,
)

PEER_NAMES = [f.name for f in PEERS]


def rows(n, *, value=0.0, sector="retail", city="Ganzhou", month=6):
    features = pl.DataFrame(
        {"firm_id": [f"{sector}{city}{month}{i}" for i in range(n)]}
        | {name: np.full(n, value, dtype=np.float32) for name in COMPARED}
    )
    place = pl.DataFrame(
        {"sector": [sector] * n, "city": [city] * n, "month": [month] * n},
        schema={"sector": pl.String, "city": pl.String, "month": pl.Int8},
    )
    return features, place


def reference_of(*groups):
    return build_reference(
        pl.concat([features for features, _ in groups]), pl.concat([place for _, place in groups])
    )


def typical(reference, place, name="electricity_yoy_13w"):
    from features.table.peers import with_typical  # noqa: PLC0415 - only this helper needs it

    frame = pl.DataFrame({"row": range(place.height)})
    return with_typical(frame, place, reference)[f"typical_{name}"].to_list()


def test_a_cell_needs_thirty_firms_else_the_sector_counts():
    reference = reference_of(
        rows(SMALLEST_CELL, value=1.0),
        rows(SMALLEST_CELL - 1, value=2.0, city="Yichun"),
        rows(SMALLEST_CELL, value=5.0, city="Yichun", month=7),
        rows(SMALLEST_CELL - 1, value=9.0, sector="rare"),
    )
    assert typical(reference, rows(1)[1]) == [1.0]
    # Yichun in June is too small: retail in June, 30 ones and 29 twos
    assert typical(reference, rows(1, city="Yichun")[1]) == [1.0]
    # nobody applied in March: all of retail
    assert typical(reference, rows(1, month=3)[1]) == [2.0]
    assert typical(reference, rows(1, sector="rare")[1]) == [None]
    assert typical(reference, rows(1, sector=None)[1]) == [None]


def test_firms_are_counted_not_applications():
    features, place = rows(SMALLEST_CELL)
    same = features.with_columns(firm_id=pl.lit("one firm"))
    assert reference_of((same, place)).is_empty()


def test_without_a_reference_peer_features_are_missing(world):
    tables, applications = world(1)
    found = build_features(Signals.from_frames(tables), applications)
    assert found.select(PEER_NAMES).null_count().row(0) == (3,) * len(PEER_NAMES)


@pytest.fixture
def frozen(world):
    """Enough applications of one sector to make a reference, and what comes of it."""
    parts = [world(seed, 8) for seed in range(5)]
    tables, applications = {}, []
    for k, (frames, own) in enumerate(parts):
        for name, frame in frames.items():
            renamed = frame.with_columns(pl.col("firm_id") + f"-{k}")
            if name == "firms":
                renamed = renamed.with_columns(sector=pl.lit("retail"))
            tables.setdefault(name, []).append(renamed)
        applications.append(
            own.with_columns(
                pl.col("application_id") + f"-{k}",
                pl.col("firm_id") + f"-{k}",
                applied_on=pl.lit(dt.date(2025, 6, 1)),
            )
        )
    signals = Signals.from_frames({name: pl.concat(own) for name, own in tables.items()})
    columns_read = pl.concat(applications)
    found = build_features(signals, columns_read)
    place = places_of(found, signals.frames["firms"])
    return signals, columns_read, found, place, build_reference(found, place)


def test_filling_in_later_equals_building_with_the_reference(frozen):
    signals, columns_read, found, place, reference = frozen
    later = apply_reference(found, place, reference)
    assert later.select(PEER_NAMES).null_count().row(0) != (columns_read.height,) * len(PEER_NAMES)
    assert_frame_equal(
        later, build_features(signals, columns_read, reference=reference), check_exact=True
    )
    assert later.columns == ["application_id", "firm_id", "as_of", *feature_names()]


def test_a_frozen_reference_makes_applicants_independent(frozen):
    signals, columns_read, _, _, reference = frozen
    together = build_features(signals, columns_read, reference=reference)
    alone = build_features(signals, columns_read.slice(7, 1), reference=reference)
    assert_frame_equal(together.slice(7, 1), alone, check_exact=True)


def test_a_reference_survives_its_file(frozen, tmp_path):
    *_, reference = frozen
    reference.write_parquet(tmp_path / "peers.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "peers.parquet"), reference)


@pytest.mark.parametrize("usual", [0.0, -1.0, 1e-30, 1e30])
@pytest.mark.parametrize("own", [0.0, -1.0, 1e-30, 1e30])
def test_no_usual_figure_makes_an_infinite_one(usual, own):
    reference = reference_of(rows(SMALLEST_CELL, value=usual))
    features, place = rows(1, value=own)
    features = features.with_columns(
        pl.lit(None, pl.Float32).alias(name)
        for name in feature_names()
        if name not in features.columns
    )
    found = apply_reference(features, place, reference).select(PEER_NAMES)
    assert found.select(pl.all().drop_nulls().is_finite().all()).row(0) == (True,) * found.width
    assert found["peer_sales_yoy"].item() is not None
