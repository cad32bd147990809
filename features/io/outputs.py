"""Outputs that are safe to write: one writer at a time, never over an input or a foreign file."""

import datetime as dt
import errno
import os
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from features.contract.errors import ContractError, FirstloanError
from features.contract.tables import SIGNALS
from features.io.storage import is_remote

_LOOKED_AT = 4096

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
"""System errors of a disk that is full, over quota or not to be written."""


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Context manager of a lock on an output; it ends with the process, however that ends.

    Parameters
    ----------
    out : pathlib.Path
        File or folder; the lock is `<name>.lock` beside it. Remote storage has no locks.

    Raises
    ------
    ContractError
        If another process writes the same output, or the lock cannot be made.
    """
    if is_remote(out):
        yield
        return
    target = out.resolve()  # two spellings of a path are one output
    path = target.with_name(f"{target.name}.lock")
    lock = FileLock(path, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ContractError(
            f"{out}: is being written by {_holder(path)}. Wait until that has finished, or choose "
            "another --out."
        ) from error
    except OSError as error:
        raise ContractError(
            f"{path}: cannot be written ({error.strerror or error}). "
            "Choose an --out in a folder that can be written."
        ) from error
    try:
        now = dt.datetime.now().astimezone().isoformat(timespec="seconds")
        path.write_text(f"process {os.getpid()} on {socket.gethostname()} since {now}", "utf-8")
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def refuse_overwriting(
    out: Path, *, inputs: Collection[Path], signals: Path | None, is_ours: Callable[[Path], bool]
) -> None:
    """Raise ContractError if a file to write is an input, or is not ours to replace.

    Parameters
    ----------
    out : pathlib.Path
        File to write.
    inputs : collection of pathlib.Path
        Files that are read.
    signals : pathlib.Path, optional
        Folder of the signal tables.
    is_ours : callable
        Whether a file that stands at `out` was written by this command, told from its content.
    """
    if is_remote(out):
        return
    if out.is_dir():
        raise ContractError(f"{out}: expected a file to write, got a folder. Name a file.")
    if any(_same(out, given) for given in inputs) or (signals and _is_table(out, signals)):
        raise ContractError(f"{out}: would overwrite an input. Choose another --out.")
    if out.exists() and not is_ours(out):
        raise ContractError(
            f"{out}: would replace a file that this command did not write. Move it away, or choose "
            "another --out; nothing was written."
        )


def _same(out: Path, given: Path) -> bool:
    if is_remote(given):
        return False
    linked = out.exists() and given.exists() and out.samefile(given)
    return linked or out.resolve() == given.resolve()


def _is_table(out: Path, signals: Path) -> bool:
    """Whether a path is that of a signal table, or lies in the folder of one."""
    if is_remote(signals) or not out.resolve().is_relative_to(signals.resolve()):
        return False
    return out.resolve().relative_to(signals.resolve()).parts[0].split(".")[0] in SIGNALS


def starts_with(path: Path, text: str) -> bool:
    """Whether a file begins with a text."""
    with path.open("rb") as file:
        return file.read(len(text.encode())) == text.encode()


def holds(path: Path, text: str) -> bool:
    """Whether the first kilobytes of a file hold a text."""
    with path.open("rb") as file:
        return text.encode() in file.read(_LOOKED_AT)


@contextmanager
def disk_errors(out: Path | str) -> Iterator[None]:
    """Context manager that turns a full or read-only disk into a ContractError.

    Our own errors pass: they say already what is wrong, such as an input that may not be read.

    Parameters
    ----------
    out : pathlib.Path or str
        What is written, for the message.
    """
    try:
        yield
    except FirstloanError:
        raise
    except Exception as error:
        for cause in _chain(error):
            if reason := _disk_words(cause):
                where = getattr(cause, "filename", None) or out
                raise ContractError(
                    f"{where}: cannot be used ({reason}). Free space, mend the permissions or "
                    "choose another place, then start again."
                ) from error
        raise


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _disk_words(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno in _DISK:
        return os.strerror(error.errno).lower()
    # engines written in other languages say the same in words
    said = str(error)
    return next(
        (os.strerror(k).lower() for k in _DISK if os.strerror(k).lower() in said.lower()), None
    )


def _holder(path: Path) -> str:
    try:
        return path.read_text("utf-8") or "another process"
    except OSError:
        return "another process"
