"""Picture the pages of the running product for the README: `python docs/pictures.py demo`.

Takes a folder in which `make demo` has run and writes PNGs into `docs/pictures/`. Needs Chromium.
"""

import json
import sys
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import mlflow
import polars as pl
from mlflow_pages import server, tab
from PIL import Image

from scoring.explain import explain_file

OUT = Path(__file__).parent / "pictures"
WIDTH, HEIGHT = 1280, 900
COLOURS = 96
"""Enough for flat pages; keeps a picture below 200 kB."""

EXPERIMENT = "first-time-borrower"


def compare_address(store: str) -> str:
    """Fragment of the page that compares the candidates of the newest training."""
    mlflow.set_tracking_uri(store)
    found = mlflow.search_runs(experiment_names=[EXPERIMENT], order_by=["start_time DESC"])
    parent = found["tags.mlflow.parentRunId"].dropna().iloc[0]
    runs = found[found["tags.mlflow.parentRunId"] == parent]
    ids = quote(json.dumps(runs["run_id"].tolist()))
    return f"#/compare-runs?runs={ids}&experiments={quote(json.dumps([runs['experiment_id'].iloc[0]]))}"


def riskiest(scored: Path) -> str:
    """The first applicant that a person must look at."""
    rows = pl.read_csv(scored)
    return str(rows.filter(pl.col("decision") == "refer")["application_id"][0])


def shrink(path: Path) -> None:
    """Few colours, packed tightly."""
    packed = BytesIO()
    Image.open(path).convert("RGB").quantize(COLOURS).save(packed, "PNG", optimize=True)
    path.write_bytes(packed.getvalue())


def main(demo: Path) -> None:
    """Open each page and picture it."""
    OUT.mkdir(exist_ok=True)
    store = f"sqlite:///{demo.resolve().parent}/mlflow.db"
    mlflow.set_tracking_uri(store)
    page = demo / "applicant.html"
    explain_file(
        applicants=demo / "new" / "applications.csv",
        signals=demo / "new",
        application=riskiest(demo / "scored.csv"),
        out=page,
        model=None,
    )
    with tab(WIDTH, HEIGHT) as view:
        for name, address in (("report", demo / "scored.html"), ("applicant", page)):
            view.open(address.resolve().as_uri(), ())
            view.picture(OUT / f"{name}.png")
        with server(store) as address:
            view.open(f"{address}/{compare_address(store)}", ("Metrics", "oot_auc"))
            view.picture(OUT / "compare.png")
    for path in OUT.glob("*.png"):
        shrink(path)
        print(f"{path.stat().st_size:>8,} bytes  {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
