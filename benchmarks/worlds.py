"""Simulated worlds and a champion, for benchmarks that need them."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from features.engine.build import build_file
from models.tracking.registry import DEFAULT_ADDRESS
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world

TRAINED_ON = 20_000
"""Firms a champion learns from: with 6,000 too few default for one to pass the gates."""


def options(description: str, *, seeds: Sequence[int]) -> argparse.Namespace:
    """Read the size and the seeds of several worlds from the command line."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--firms", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    return parser.parse_args()


def simulated(data: Path, firms: int, seed: int, *, workers: int = 2) -> Path:
    """Simulate a world, unless its folder is there from an earlier run; returns the folder."""
    if not (data / "manifest.json").exists():
        simulate_world(out=data, firms=firms, seed=seed, config=load_config(), workers=workers)
    return data


def built(seed: int, firms: int) -> tuple[Path, pl.DataFrame]:
    """Simulate a world in the working folder and build its features."""
    data = simulated(Path(f"world{seed}"), firms, seed, workers=1)
    return data, build_file(data, Path(f"features{seed}.parquet"))


def champion(scratch: Path) -> Path:
    """Train and register a champion on a world of its own, unless one is there.

    Returns
    -------
    pathlib.Path
        Folder of the champion; the registry is that of `scratch` from now on.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.tracking import MlflowClient

    from models.settings import read_settings
    from models.train.training import train

    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{scratch}/mlflow.db"
    saved = scratch / "champion"
    if not saved.exists():
        past = simulated(scratch / "past", TRAINED_ON, seed=1)
        with _within(scratch):
            train(data=past, config=read_settings(trials=0), workers=2)
            name, _, alias = DEFAULT_ADDRESS.removeprefix("models:/").partition("@")
            version = MlflowClient().get_model_version_by_alias(name, alias)
            downloaded = download_artifacts(f"models:/{name}/{version.version}")
            folder = next(Path(downloaded).rglob("model.json")).parent
            saved.symlink_to(folder.resolve())
    return saved


@contextmanager
def scratch_folder(kept: Path | None) -> Iterator[Path]:
    """Give the folder to work in: a named one, whose worlds stay, or one that goes afterwards."""
    if kept is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    kept.mkdir(parents=True, exist_ok=True)
    yield kept.resolve()


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
