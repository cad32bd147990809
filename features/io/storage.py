"""Storage: local paths, and URLs of any file system that fsspec knows (`s3://bucket/world`).

A URL becomes a `upath.UPath`, which has the methods of `pathlib.Path`; this module holds what
differs. Local files are read by Polars itself; others by pyarrow, which fetches only the columns
and row groups that are asked for. Commands read their paths here before any engine is needed, so
that each function brings its own.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, cast

from features.contract.errors import FirstloanError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_BENEATH = {"fsspec", "upath", "pyarrow"}
"""What every error of a storage passes through on its way here."""

_PARQUET, _TAIL = b"PAR1", 8
"""A Parquet file ends with its footer, four bytes that say how long that is, and these four."""

CONTRACT_KEY = "firstloan.contract"
"""Parquet metadata key of files whose rows were checked before; its value is the version."""


def is_url(text: str) -> bool:
    """Whether the text is a storage URL rather than a local path."""
    return bool(_URL.match(text))


def location(text: str | Path) -> Path:
    """Parse a local path or a storage URL.

    Raises
    ------
    ServiceError
        If the storage needs a package that is not installed, or does not answer.
    """
    if isinstance(text, Path) or not is_url(text):
        return Path(text)
    try:
        from upath import UPath  # noqa: PLC0415 (an optional extra)

        # other processes write here too: a remembered listing would be an old one
        path = cast("Path", UPath(text, use_listings_cache=False))
        path.exists()
    except ModuleNotFoundError as error:
        raise ServiceError(
            f"{text}: expected {error.name} to be installed. "
            "Install the extra: pip install 'firstloan[cluster]'"
        ) from error
    except ImportError as error:  # fsspec names the package that knows the protocol
        raise ServiceError(f"{text}: this storage needs another package. {error}") from error
    except Exception as error:  # each storage has errors of its own
        raise ServiceError(
            f"{text}: the storage cannot be used ({str(error).splitlines()[0]}). "
            "Check the address and the credentials."
        ) from error
    return path


def is_remote(path: Path) -> bool:
    """Whether the path came from a URL."""
    return not isinstance(path, Path)


@contextmanager
def storage_errors(*paths: Path) -> Iterator[None]:
    """Context manager that turns storage errors into a ServiceError.

    Each storage has errors of its own, so they are told by where they come from. Errors of local
    files pass.
    """
    try:
        yield
    except FirstloanError:
        raise
    except Exception as error:
        remote = sorted({str(path) for path in paths if is_remote(path)})
        modules = {frame.f_globals["__name__"] for frame, _ in walk_tb(error.__traceback__)}
        if not remote or _BENEATH.isdisjoint(name.split(".")[0] for name in modules):
            raise
        said = str(error).splitlines() or [""]
        raise ServiceError(
            f"{' or '.join(remote)}: the storage failed ({type(error).__name__}: {said[0]}). Look "
            "whether it answers, whether the bucket is there and what you may do in it, and start "
            "again."
        ) from error


def scan_parquet(path: Path) -> pl.LazyFrame:
    """Read a Parquet file lazily: only the columns and row groups that are needed."""
    import polars as pl  # noqa: PLC0415

    if not is_remote(path):
        return pl.scan_parquet(path, hive_partitioning=False)
    from pyarrow.dataset import dataset  # noqa: PLC0415 (local reading need not wait for it)

    fs, inside = _inside(path)
    return pl.scan_pyarrow_dataset(dataset(inside, filesystem=fs, format="parquet"))


def parquet_marks(path: Path) -> dict[str, str]:
    """Key-value metadata of a Parquet file."""
    if not is_remote(path):
        import polars as pl  # noqa: PLC0415

        return pl.read_parquet_metadata(path)
    from pyarrow import parquet  # noqa: PLC0415

    with path.open("rb") as file:
        marks = parquet.read_metadata(file).metadata or {}
    return {key.decode(): value.decode() for key, value in marks.items()}


def write_parquet(frame: pl.DataFrame, path: Path, **options: Any) -> None:  # noqa: ANN401
    """Write a Parquet file; on remote storage it appears whole or not at all."""
    if not is_remote(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, **options)
        return
    buffer = io.BytesIO()
    frame.write_parquet(buffer, **options)
    path.write_bytes(buffer.getvalue())


def make_folder(path: Path) -> None:
    """Make a folder and those above it; object stores have none to make."""
    if not is_remote(path):
        path.mkdir(parents=True, exist_ok=True)


def remove_tree(path: Path) -> None:
    """Delete a folder with all that is in it, if it is there."""
    if not is_remote(path):
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        fs, inside = _inside(path)
        fs.rm(inside, recursive=True)


def fingerprint_of(path: Path) -> str:
    """Fingerprint of a file's content in hexadecimal, from its metadata where that suffices.

    Remote: what the storage itself keeps to tell versions apart (on S3 the ETag). Local Parquet
    that firstloan wrote: SHA-256 of the footer, which holds the place, the size and the least and
    greatest value of every piece of every column; whoever scores a hundred firms of a country does
    not read a country for it. Other local files: SHA-256 of the bytes.
    """
    if is_remote(path):
        fs, inside = _inside(path)
        return str(fs.ukey(inside))
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(size - _TAIL, 0))
        length, magic = file.read(4), file.read(4)
        ends = magic == _PARQUET and int.from_bytes(length, "little") + _TAIL <= size
        if ends:
            file.seek(size - _TAIL - int.from_bytes(length, "little"))
            footer = file.read()
            if CONTRACT_KEY.encode() in footer:
                return hashlib.sha256(footer).hexdigest()
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(path: Path) -> str:
    """Hash the bytes of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def absolute(path: Path) -> Path:
    """Absolute path or URL, for processes in other working folders."""
    return path if is_remote(path) else path.resolve()


def _inside(path: Path) -> tuple[Any, str]:
    """File system of a remote path, and the path there."""
    remote = cast("Any", path)
    return remote.fs, remote.path
