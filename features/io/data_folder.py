"""Atomic writing of data folders; signal tables are partitioned into buckets of firms."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import polars as pl

from features.contract.errors import ContractError
from features.contract.tables import CONTRACT_VERSION, TABLES, Table
from features.contract.validation import conform
from features.io.storage import CONTRACT_KEY, is_remote, make_folder, remove_tree, write_parquet

MANIFEST = "manifest.json"
"""What made a data folder, and of what."""

KIND = "firstloan data folder"
"""What the manifest's `kind` says; the mark that a folder is one of ours and may be replaced."""

UNFINISHED = "unfinished.json"
"""Lies in a data folder on remote storage, which knows no renaming, until all is written."""

VERSIONS_KEY, ONE_VERSION = "firstloan.versions", "one"
"""Parquet metadata of files in which no two rows share a key, so that keys need not be read."""

ROW_GROUP_ROWS = 50_000
"""At most this many rows in a Parquet row group, so that a few firms can be read out of many."""


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """Context manager of a temporary folder that replaces `out` on success and is deleted on error.

    A data folder of ours that stands at `out` is replaced whole. Remote storage cannot rename a
    folder: there `out` itself is given, and until all went well it holds `UNFINISHED`, which
    readers refuse.

    Raises
    ------
    ContractError
        If `out` is a file, or a folder that holds something else.
    """
    if is_remote(out):
        with _marked_unfinished(out):
            yield out
        return
    out = out.resolve()
    refuse_foreign(out)
    unfinished = out.with_name(f"{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if out.exists():
            shutil.rmtree(out)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _marked_unfinished(out: Path) -> Iterator[None]:
    refuse_foreign(out)
    mark = out / UNFINISHED
    mark.write_text(json.dumps({"kind": KIND}) + "\n", encoding="utf-8")
    try:
        for old in out.iterdir():
            if old.name != UNFINISHED:
                remove_tree(old)
        yield
    except BaseException:
        with suppress(Exception):  # a storage that failed fails again; the mark stays then
            remove_tree(out)
        raise
    mark.unlink()


def refuse_unfinished(folder: Path) -> None:
    """Raise ContractError if a run that writes this folder has not finished."""
    if (folder / UNFINISHED).exists():
        raise ContractError(
            f"{folder}: expected a data folder, got one that is still being written, or whose "
            "writing was cut off. Wait, or write it again."
        )


@contextmanager
def arriving(folder: Path, *, scratch: Path) -> Iterator[Path]:
    """Context manager of a temporary folder whose files are moved into `folder` on success.

    Two processes may so write the same files: a worker that was given up for lost may live on.

    Parameters
    ----------
    folder : pathlib.Path
    scratch : pathlib.Path
        On the same storage; what a killed process leaves lies there.
    """
    if is_remote(folder):
        yield folder  # an object appears whole in any case
        return
    partial = scratch / uuid4().hex
    make_folder(partial)
    try:
        yield partial
        for path in [path for path in partial.rglob("*") if path.is_file()]:
            target = folder / path.relative_to(partial)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_foreign(out: Path) -> None:
    """Raise ContractError unless `out` is absent, empty, or a data folder that we wrote."""
    if out.is_file():
        raise ContractError(f"{out}: expected a folder to write, got a file. Choose another name.")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if KIND not in (_kind(out / MANIFEST), _kind(out / UNFINISHED)):
        raise ContractError(
            f"{out}: expected a new folder or a data folder of firstloan, got a folder with other "
            "files. Choose another name; nothing was written."
        )


def _kind(card: Path) -> object:
    try:
        return json.loads(card.read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        return None


def bucket_name(bucket: int) -> str:
    """Folder-safe name of a bucket, such as `0007`."""
    return f"{bucket:04d}"


def write_bucket(frame: pl.DataFrame, table: str, signals: Path, bucket: int) -> Path:
    """Write one bucket of a signal table, sorted by firm and key.

    The same rows give the same bytes. The caller vouches that they satisfy the contract; readers
    trust the mark that this leaves in the file.

    Returns
    -------
    pathlib.Path
        `signals/<table>/bucket=<name>/part.parquet`
    """
    path = signals / table / f"bucket={bucket_name(bucket)}" / "part.parquet"
    spec = TABLES[table]
    key = ["firm_id", *[c for c in spec.key if c != "firm_id"]]
    order = list(key)
    if Table.KNOWN_ON in frame.columns:
        order.append(Table.KNOWN_ON)
    rows = conform(frame, table).sort(order, maintain_order=True)
    twice = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift()) for c in key)
    mark = {CONTRACT_KEY: CONTRACT_VERSION}
    if not rows.select(twice.slice(1).any()).item():
        mark[VERSIONS_KEY] = ONE_VERSION
    write_parquet(
        rows,
        path,
        compression="lz4",
        row_group_size=ROW_GROUP_ROWS,
        metadata=mark,
    )
    return path
