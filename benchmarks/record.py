"""Keeping the figures of benchmarks: `results.json` beside this file.

A benchmark run with `--record`, as `make bench` runs it, puts its entries in place of those it had
there; without, it only prints. `docs/benchmarks.md` and its charts are made from the file.
"""

import datetime as dt
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")
OPTION = "--record"
LIBRARIES = (
    "dask", "lightgbm", "mlflow", "numba", "numpy", "pandas", "polars", "pyarrow", "scikit-learn",
    "shap", "tsfresh", "woodelf-explainer",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One measurement.

    Attributes
    ----------
    name : str
        Unique in its benchmark; documents cite it as `benchmark/name`.
    what : str
        What was done, with its size.
    seconds : float, optional
    peak_mb : float, optional
        Peak memory of all processes together, in millions of bytes.
    value, unit : float and str, optional
        Another figure, such as rows a second.
    rival : str
        What it is measured against in the same run.
    ratio : float, optional
        How many times as good as the rival.
    bar : str
        What it must reach; empty where nothing is asked.
    met : bool, optional
    count : int, optional
        Applicants, where the same is done at several sizes.
    """

    name: str
    what: str
    seconds: float | None = None
    peak_mb: float | None = None
    value: float | None = None
    unit: str = ""
    rival: str = ""
    ratio: float | None = None
    bar: str = ""
    met: bool | None = None
    count: int | None = None


def asked() -> bool:
    """Whether the command line says `--record`; takes it away, so that no script need know it."""
    if OPTION not in sys.argv:
        return False
    sys.argv.remove(OPTION)
    return True


def keep(benchmark: str, entries: Sequence[Entry], *, load: float) -> None:
    """Put the entries of a benchmark in place of its former ones.

    Parameters
    ----------
    benchmark : str
        Name of the script.
    entries : sequence of Entry
    load : float
        `busy()` when the benchmark began: what else the machine was doing.
    """
    results = read()
    results[benchmark] = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "load_before": round(load, 1),
        "versions": versions(),
        "entries": [_brief(entry) for entry in entries],
    }
    part = RESULTS.with_suffix(".part")
    text = json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(RESULTS)


def read() -> dict[str, Any]:
    """Results by benchmark; nothing where none was kept yet."""
    if not RESULTS.exists():
        return {}
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def busy() -> float:
    """Processes that wanted a processor over the last minute, on average."""
    return os.getloadavg()[0]


def machine() -> str:
    """Processor, cores and memory."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    return f"{names[0] if names else platform.machine()}, {cores} cores, {memory:.0f} GB"


def versions() -> dict[str, str]:
    """Versions of Python and of what does the work."""
    versions_of = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions_of[name] = version(name)
        except ModuleNotFoundError:
            continue
    return versions_of


def _brief(entry: Entry) -> dict[str, Any]:
    """Leave out what was not measured, and digits that no clock can tell."""
    filled = {name: value for name, value in asdict(entry).items() if value not in (None, "")}
    return {
        name: float(f"{value:.4g}") if isinstance(value, float) else value
        for name, value in filled.items()
    }
