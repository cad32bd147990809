"""Atomic writing of data folders; signal tables are partitioned into buckets of firms."""

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from features.contract.errors import ContractError
from features.contract.tables import CONTRACT_VERSION, TABLES, Table
from features.contract.validation import conform
from features.io.outputs import disk_errors, only_writer
from features.io.storage import CONTRACT_KEY, is_remote, make_folder, remove_tree, write_parquet

MANIFEST = "manifest.json"
"""What made a data folder, and of what."""

KIND = "firstloan data folder"
"""What the manifest's `kind` says; the mark that a folder is one of ours and may be replaced."""

FILES = "files"
"""Key of the manifest: what firstloan wrote into the folder, two levels deep."""

IMPORT_REJECTS_FILE = "import.rejects.csv"
"""Rows that an import put aside."""

DUPLICATE = "repeats an earlier row in every column"
"""Problem of a row that an import put aside and that is not lost."""

_WRITTEN_LATER = ("calibration.json",)
_NAMES = ("applications.csv", "outcomes.csv", MANIFEST, IMPORT_REJECTS_FILE, *_WRITTEN_LATER)
"""Files that firstloan may write beside folders."""

UNFINISHED = "unfinished.json"
"""Lies in a data folder on remote storage, which knows no renaming, until all is written."""

VERSIONS_KEY, ONE_VERSION = "firstloan.versions", "one"
"""Parquet metadata of files in which no two rows share a key, so that keys need not be read."""

ROW_GROUP_ROWS = 50_000
"""At most this many rows in a Parquet row group, so that a few firms can be read out of many."""


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """Context manager of a temporary folder that replaces `out` on success and is deleted on error.

    What firstloan wrote at `out` is replaced; files that it did not write are kept. Remote storage
    cannot rename a folder: there `out` itself is given, and until all went well it holds
    `UNFINISHED`, which readers refuse.

    Raises
    ------
    ContractError
        If `out` is a file, a folder that holds something else or is being written, or a file that
        firstloan did not write has the name of one that it now writes.
    """
    if is_remote(out):
        with _marked_unfinished(out):
            yield out
            _list_files(out)
        return
    out = out.resolve()
    refuse_foreign(out)
    with only_writer(out):
        replaced = out.with_name(f"{out.name}.replaced")
        if replaced.exists() and not out.exists():
            replaced.rename(out)  # a run was killed between its two renamings
        unfinished = out.with_name(f"{out.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
        try:
            with disk_errors(out):
                unfinished.mkdir(parents=True)
                yield unfinished
                _list_files(unfinished)
                _keep_foreign(out, unfinished)
                if out.exists():
                    out.rename(replaced)
                unfinished.rename(out)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            if out.exists():
                shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def _marked_unfinished(out: Path) -> Iterator[None]:
    refuse_foreign(out)
    foreign = _foreign(out)
    mark = out / UNFINISHED
    mark.write_text(json.dumps({"kind": KIND}) + "\n", encoding="utf-8")
    try:
        _remove_all_but(out, {*foreign, UNFINISHED})
        yield
    except BaseException:
        with suppress(Exception):  # a storage that failed fails again; the mark stays then
            _remove_all_but(out, foreign)
        raise
    mark.unlink()


def _remove_all_but(out: Path, kept: Collection[str]) -> None:
    for name in _entries(out):
        if name not in kept:
            remove_tree(out / name)


def _entries(folder: Path) -> list[str]:
    """Files of a folder and its subfolders; what lies deeper goes by the folder that holds it."""
    found = []
    for path in folder.iterdir():
        found += [f"{path.name}/{p.name}" for p in path.iterdir()] if path.is_dir() else [path.name]
    return sorted(found)


def _list_files(folder: Path) -> None:
    """Write into the manifest which files of the folder are ours."""
    card = folder / MANIFEST
    if not card.exists():
        return
    manifest = json.loads(card.read_text(encoding="utf-8"))
    manifest[FILES] = [name for name in _entries(folder) if name != UNFINISHED]
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    card.write_text(text, encoding="utf-8")


def _written(out: Path) -> list[str]:
    """Entries that firstloan wrote: as the manifest lists them, else folders and known names."""
    listed = (_card(out / MANIFEST) or {}).get(FILES)
    if listed is None or (out / UNFINISHED).exists():
        return [name for name in _entries(out) if "/" in name or name in _NAMES]
    return [*listed, *_WRITTEN_LATER]


def _foreign(out: Path) -> list[str]:
    """Entries of a folder that firstloan did not write."""
    if not out.is_dir():
        return []
    ours = {*_written(out), UNFINISHED}
    return [name for name in _entries(out) if name not in ours]


def _keep_foreign(out: Path, unfinished: Path) -> None:
    """Copy what firstloan did not write into the folder that replaces `out`."""
    for name in _foreign(out):
        target = unfinished / name
        if target.exists():
            raise ContractError(
                f"{out / name}: would be replaced, and firstloan did not write it. Move it away; "
                "nothing was written."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if (out / name).is_dir():
            shutil.copytree(out / name, target)
        else:
            shutil.copy2(out / name, target)


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
    return (_card(card) or {}).get("kind")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Manifest of a data folder that firstloan wrote; empty where there is none."""
    card = _card(folder / MANIFEST) or {}
    return card if card.get("kind") == KIND else {}


def _card(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


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
