"""Checkpoint of finished chunks, from which a killed run resumes.

- `scored.parts/plan.json`: what is being scored with what, hashes and settings
- `scored.parts/model/`, `shadow/`: the model and its challenger, for the worker processes
- `scored.parts/00012.parquet`: rows of the 12th chunk
- `scored.parts/00012.json`: its counts, written last; a chunk without it is not finished
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from features.contract.errors import ContractError

_NAMES = re.compile(
    r"(plan|\d{5})\.json(\.tmp)?|\d{5}\.(parquet|tmp)|staged(\.\w+)+"
)  # names of the files in a folder of parts


class Checkpoint:
    """The folder of unfinished output.

    Parameters
    ----------
    folder : pathlib.Path
        Such as `scored.parts`; made if need be.
    plan : mapping
        Everything that the chunks' content depends on. Chunks of another plan are thrown away.
    model : pathlib.Path
        Folder of the model; copied for the worker processes.
    shadow : pathlib.Path, optional
        Folder of the challenger.

    Raises
    ------
    ContractError
        If the folder cannot be made or holds files that are not ours.
    """

    def __init__(
        self, folder: Path, plan: Mapping[str, Any], *, model: Path, shadow: Path | None = None
    ) -> None:
        self.folder = folder
        text = json.dumps(plan, ensure_ascii=False, indent=1, sort_keys=True)
        card = folder / "plan.json"
        try:
            if folder.exists() and not (card.is_file() and card.read_text("utf-8") == text):
                self._clear()
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copytree(model, self.model, dirs_exist_ok=True)
            if shadow is not None:
                shutil.copytree(shadow, self.shadow, dirs_exist_ok=True)
            write_whole(card, text.encode())
        except OSError as error:
            raise ContractError(
                f"{folder}: unfinished parts cannot be kept here ({error.strerror}). "
                "Choose an --out in a folder that can be written."
            ) from error

    @property
    def model(self) -> Path:
        """Folder of the model's copy."""
        return self.folder / "model"

    @property
    def shadow(self) -> Path:
        """Folder of the challenger's copy, where there is one."""
        return self.folder / "shadow"

    def info(self, chunk: int) -> dict[str, Any] | None:
        """Counts of a finished chunk; None if it is not finished."""
        try:
            counts: dict[str, Any] = json.loads(self._path(chunk, "json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return counts if self._path(chunk, "parquet").is_file() else None

    def write(self, chunk: int, rows: pl.DataFrame, info: Mapping[str, Any]) -> None:
        """Keep a finished chunk."""
        path = self._path(chunk, "parquet")
        unfinished = path.with_suffix(".tmp")
        rows.write_parquet(unfinished, compression="zstd", compression_level=1)
        unfinished.replace(path)
        write_whole(self._path(chunk, "json"), json.dumps(info).encode())

    def staged(self, ending: str) -> Path:
        """Where an output is written before it is put in place."""
        return self.folder / f"staged{ending}"

    def scan(self, chunks: int) -> pl.LazyFrame:
        """Rows of all `chunks` chunks."""
        return pl.scan_parquet([self._path(k, "parquet") for k in range(chunks)])

    def remove(self) -> None:
        """Delete the folder; nothing in it is needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, chunk: int, ending: str) -> Path:
        return self.folder / f"{chunk:05d}.{ending}"

    def _clear(self) -> None:
        foreign = [p for p in self.folder.iterdir() if not _ours(p)]
        if foreign:
            raise ContractError(
                f"{self.folder}: expected only unfinished parts here, found {foreign[0].name}. "
                "Move it away or choose another --out."
            )
        shutil.rmtree(self.folder)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, even if the power fails."""
    unfinished = path.with_name(f"{path.name}.tmp")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _ours(path: Path) -> bool:
    return path.name in {"model", "shadow"} or _NAMES.fullmatch(path.name) is not None
