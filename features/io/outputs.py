"""Outputs that are safe to write: one writer at a time, never over an input or a foreign file."""

import datetime as dt
import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from features.contract.errors import ContractError
from features.io.storage import is_remote

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
    path = out.resolve().with_name(f"{out.name}.lock")
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
    out: Path,
    *,
    inputs: tuple[Path, ...],
    is_ours: Callable[[Path], bool],
    option: str = "--out",
) -> None:
    """Raise ContractError if a file to write is an input, lies in one, or is not ours to replace.

    Parameters
    ----------
    out : pathlib.Path
        File to write.
    inputs : tuple of pathlib.Path
        Files and folders that are read.
    is_ours : callable
        Whether a file that stands at `out` was written by this command, told from its content.
    option : str
        Of the command line, for the remedy.
    """
    if is_remote(out):
        return
    for given in inputs:
        if is_remote(given):
            continue
        target, source = out.resolve(), given.resolve()
        same = out.exists() and given.exists() and out.samefile(given)
        if same or target == source:
            raise ContractError(f"{out}: would overwrite an input. Choose another {option}.")
    if out.is_dir():
        raise ContractError(f"{out}: expected a file to write, got a folder. Name a file.")
    if out.exists() and not is_ours(out):
        raise ContractError(
            f"{out}: would replace a file that this command did not write. Move it away, or choose "
            f"another {option}; nothing was written."
        )


@contextmanager
def disk_errors(out: Path) -> Iterator[None]:
    """Context manager that turns a full or read-only disk into a ContractError.

    Parameters
    ----------
    out : pathlib.Path
        What is written, for the message.
    """
    try:
        yield
    except Exception as error:
        reason = next((words for cause in _chain(error) if (words := _disk_words(cause))), None)
        if reason is None:
            raise
        raise ContractError(
            f"{out}: cannot be written ({reason}). Free space or choose another place, then start "
            "again."
        ) from error


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
