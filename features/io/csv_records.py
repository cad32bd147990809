"""Physical records of a delimited text file: encoding, line ends, quotation marks, header.

A record is one line, or several lines where one well-formed quoted cell spans them. A quotation
mark that is never closed damages its own line and no other: every line ends as a record or as a
broken line, so that what was read can be counted whatever the quoting.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.contract.errors import ContractError

ENCODINGS = ("utf-8", "gb18030")
"""Tried in this order where no byte-order mark names the encoding."""

DELIMITERS = (",", ";", "\t")
"""What may stand between cells; tried in this order on the header."""

LARGEST_FILE = 2**29
"""Bytes of text at most, after decompression. Reading takes about twelve times as much memory."""

MOST_COLUMNS = 10_000
"""Columns of a table at most."""

LONGEST_RECORD = 200
"""Lines of a record at most."""

_HEADER_WITHIN = 50
"""Lines at the top among which a header is looked for by its names."""

_LONGEST_HEADER = 1_000_000
"""Characters of a header line at most."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")
_BROKEN = "its quotation marks do not pair"
_NEWLINE, _QUOTE = 10, 34


@dataclass(frozen=True, eq=False)
class Records:
    """Records of a file that are well formed, and the lines that are not.

    Attributes
    ----------
    header : list of str
        Names of the columns; one without a name is called by its place, such as `(column 1)`.
    unnamed : frozenset of str
        Columns without a name.
    body : bytes
        UTF-8 text of the records below the header.
    lines : NDArray of int64
        Line of the file, from 1, on which each record of `body` starts.
    broken : list of tuple of (int, str, str)
        Line, text and problem of each line that is no record.
    delimiter : str
    encoding : str
    warnings : tuple of str
        What the reader did that the user may not expect.
    """

    header: list[str]
    unnamed: frozenset[str]
    body: bytes
    lines: NDArray[np.int64]
    broken: list[tuple[int, str, str]]
    delimiter: str
    encoding: str
    warnings: tuple[str, ...]


def read_records(
    path: Path,
    *,
    expected: Collection[str] = (),
    delimiter: str | None = None,
    encoding: str | None = None,
    skip: int = 0,
) -> Records:
    """Read a delimited text file, optionally gzip, as records.

    Parameters
    ----------
    path : pathlib.Path
    expected : collection of str
        Columns by which the header is found below a title; without them it is the first line that
        is not blank.
    delimiter : str, optional
        By default the first of `DELIMITERS` that the header holds.
    encoding : str, optional
        By default told by the byte-order mark, else the first of `ENCODINGS` that fits.
    skip : int
        Lines at the top to pass over.

    Raises
    ------
    ContractError
        If the file is absent, no regular file, too large, cut off, empty, in no known encoding, or
        its header is broken.
    """
    text, used = _decode(_bytes(path), path, encoding)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise ContractError(
            f"{path}: expected a header line and rows, got an empty file. Export it again."
        )
    header = _find_header(text, path, expected=expected, delimiter=delimiter, skip=skip)
    warnings = list(header.warnings)
    if used != "utf-8":
        warnings.insert(0, f"{path}: read as {used.upper()}, it is not UTF-8")
    rest = text[header.end :]
    names = header.names
    if names[-1] in header.unnamed and _first_width(rest, header.delimiter) < len(names):
        names = names[:-1]
    body, lines, broken = _pair_quotes(
        rest, width=len(names), delimiter=header.delimiter, first_line=header.line + 1
    )
    return Records(
        header=names,
        unnamed=header.unnamed & set(names),
        body=body,
        lines=lines,
        broken=broken,
        delimiter=header.delimiter,
        encoding=used,
        warnings=tuple(warnings),
    )


@dataclass(frozen=True)
class _Header:
    names: list[str]
    unnamed: frozenset[str]
    line: int
    end: int
    delimiter: str
    warnings: tuple[str, ...]


def _find_header(
    text: str, path: Path, *, expected: Collection[str], delimiter: str | None, skip: int
) -> _Header:
    """Find the header: the line that holds the expected names, else the first that is not blank."""
    declared, candidates = _top_lines(text, skip=skip)
    if not candidates:
        raise ContractError(f"{path}: expected a header line below line {skip}, got none.")
    delimiter = delimiter or declared
    chosen = candidates[0]
    for candidate in candidates if expected else ():
        cells = _header_cells(candidate[2], delimiter or _delimiter_of(candidate[2]), strict=False)
        if set(expected) <= set(cells):
            chosen = candidate
            break
    line, end, content = chosen
    delimiter = delimiter or _delimiter_of(content)
    cells = _checked_names(content, delimiter, where=f"{path}: line {line}")
    unnamed = {k: f"(column {k + 1})" for k, cell in enumerate(cells) if not cell}
    above = f"{path}: passed over the lines above the header on line {line}"
    return _Header(
        names=[unnamed.get(k, cell) for k, cell in enumerate(cells)],
        unnamed=frozenset(unnamed.values()),
        line=line,
        end=end,
        delimiter=delimiter,
        warnings=() if chosen is candidates[0] else (above,),
    )


def _top_lines(text: str, *, skip: int) -> tuple[str | None, list[tuple[int, int, str]]]:
    """Delimiter that a line `sep=` declares; number, end and text of lines that are not blank."""
    declared: str | None = None
    found: list[tuple[int, int, str]] = []
    start, line = 0, 0
    while start < len(text) and len(found) < _HEADER_WITHIN:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        content, line, start = text[start:end], line + 1, end + 1
        separator = None if found else re.fullmatch(r'"?sep=(.)"?[,;\t ]*', content)
        if separator:
            declared = separator.group(1)
        elif line > skip and content.strip():
            found.append((line, start, content))
    return declared, found


def _checked_names(content: str, delimiter: str, *, where: str) -> list[str]:
    """Cells of the header; raise ContractError if they cannot name columns."""
    columns = content.count(delimiter) + 1
    if columns > MOST_COLUMNS or len(content) > _LONGEST_HEADER:
        raise ContractError(
            f"{where}: expected the names of at most {MOST_COLUMNS:,} columns, got {columns:,} "
            f"in {len(content):,} characters. Leave out those that are not needed."
        )
    try:
        cells = _header_cells(content, delimiter, strict=True)
    except csv.Error as error:
        raise ContractError(
            f"{where}: expected the names of the columns, got a quotation mark that is not "
            "closed. Export the file again."
        ) from error
    named = [cell for cell in cells if cell]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise ContractError(
            f"{where}: expected each column once, got {', '.join(twice)} more than once. "
            "Rename one of them."
        )
    return cells


def _header_cells(content: str, delimiter: str, *, strict: bool) -> list[str]:
    row = next(csv.reader([content[:_LONGEST_HEADER]], delimiter=delimiter, strict=strict), [])
    return [_INVISIBLE.sub("", cell).strip() for cell in row]


def _delimiter_of(header: str) -> str:
    return next((mark for mark in DELIMITERS if mark in header), DELIMITERS[0])


def _first_width(rest: str, delimiter: str) -> int:
    """Cells of the first record that is not blank."""
    for line in io.StringIO(rest):
        if line.strip():
            try:
                return len(next(csv.reader([line], delimiter=delimiter)))
            except csv.Error:  # a cell above the module's limit
                return line.count(delimiter) + 1
    return 0


def _pair_quotes(
    text: str, *, width: int, delimiter: str, first_line: int
) -> tuple[bytes, NDArray[np.int64], list[tuple[int, str, str]]]:
    """Keep the records whose quotation marks pair, and name the lines where they do not."""
    encoded = text.encode()
    if '"' not in text:
        return encoded, _numbers(text, first_line), []
    doubtful = _doubtful_lines(encoded, ord(delimiter))
    if not doubtful.size:
        return encoded, _numbers(text, first_line), []
    lines = text.removesuffix("\n").split("\n")
    swallowed = np.zeros(len(lines), dtype=bool)
    broken: list[tuple[int, str, str]] = []
    for place in doubtful.tolist():
        if swallowed[place]:
            continue
        cells, more = _record_at(lines, place, width=width, delimiter=delimiter)
        if cells is None:
            swallowed[place] = True
            broken.append((first_line + place, lines[place], _BROKEN))
            continue
        swallowed[place + 1 : place + 1 + more] = True
        lines[place] = _quoted(cells, delimiter)
    kept = np.flatnonzero(~swallowed)
    body = "".join(f"{lines[k]}\n" for k in kept.tolist())
    return body.encode(), kept.astype(np.int64) + first_line, broken


def _numbers(text: str, first_line: int) -> NDArray[np.int64]:
    lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    return np.arange(first_line, first_line + lines, dtype=np.int64)


def _doubtful_lines(encoded: bytes, delimiter: int) -> NDArray[np.int64]:
    """Lines on which a quotation mark neither opens, closes nor escapes as it should.

    The first mark of a line, the third and so on must stand at the start of a cell or right after
    another one; the second, the fourth and so on at its end or right before another one.
    """
    content = np.frombuffer(b"\n" + encoded + b"\n", dtype=np.uint8)
    marks = np.flatnonzero(content == _QUOTE)
    ends = np.flatnonzero(content == _NEWLINE)
    if _all_paired(content, marks, ends, delimiter):
        return np.empty(0, dtype=np.int64)
    line = np.searchsorted(ends, marks) - 1
    new_line = np.r_[True, line[1:] != line[:-1]]
    first = np.maximum.accumulate(np.where(new_line, np.arange(marks.size), 0))
    opens = (np.arange(marks.size) - first) % 2 == 0
    before, after = content[marks - 1], content[marks + 1]
    edge = np.where(opens, before, after)
    fits = _is_edge(edge, delimiter) | ((edge == _QUOTE) & ~(opens & new_line))
    last = np.r_[line[1:] != line[:-1], True]
    return np.unique(line[~fits | (last & opens)])


def _all_paired(
    content: NDArray[np.uint8],
    marks: NDArray[np.int64],
    ends: NDArray[np.int64],
    delimiter: int,
) -> bool:
    """Whether no line ends within quotes and every mark stands as it should.

    One look at the whole: files in which every cell is quoted are common, and read twice as fast.
    """
    if marks.size % 2 or (np.searchsorted(marks, ends) % 2).any():
        return False
    before, after = content[marks[::2] - 1], content[marks[1::2] + 1]
    return all(
        bool((_is_edge(edge, delimiter) | (edge == _QUOTE)).all()) for edge in (before, after)
    )


def _is_edge(byte: NDArray[np.uint8], delimiter: int) -> NDArray[np.bool_]:
    return np.asarray((byte == delimiter) | (byte == _NEWLINE), dtype=np.bool_)


def _record_at(
    lines: Sequence[str], place: int, *, width: int, delimiter: str
) -> tuple[list[str] | None, int]:
    """Cells of the record that starts on a line, and how many further lines it takes.

    None if its quotation marks do not pair. A further line that is as wide as the table is taken
    for a row of its own, unless it ends a record whose first line is not as wide.
    """
    own_width = lines[place].count(delimiter) + 1
    text = lines[place]
    for more in range(LONGEST_RECORD):
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True))
        except csv.Error as error:
            if "unexpected end" not in str(error) or place + more + 1 >= len(lines):
                return None, 0
            last = lines[place + more]
            if more and last.count(delimiter) + 1 >= width:
                return None, 0
            text = f"{text}\n{lines[place + more + 1]}"
            continue
        last_width = lines[place + more].count(delimiter) + 1
        if more and (len(cells) != width or (own_width >= width and last_width >= width)):
            return None, 0
        return cells, more
    return None, 0


def _quoted(cells: Sequence[str], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return out.getvalue().removesuffix("\n")


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ContractError(f"{path}: expected a CSV file, got a folder. Name the file inside it.")
    try:
        if path.exists() and not path.is_file():
            raise ContractError(
                f"{path}: expected a regular file, got a device or a pipe. Save it as a file first."
            )
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise ContractError(f"{path}: no such file. Check the path.") from error
    except OSError as error:
        raise ContractError(
            f"{path}: cannot be read ({error.strerror or error}). "
            "Check the file and its permissions."
        ) from error
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = file.read(LARGEST_FILE + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ContractError(
                f"{path}: expected a whole gzip file, got one that is cut off or damaged "
                f"({error}). Copy it again."
            ) from error
    if len(data) > LARGEST_FILE:
        raise ContractError(
            f"{path}: expected at most {LARGEST_FILE >> 20} MiB of text, got more. Cut it into "
            "several files, or give a signal table as Parquet."
        )
    return data


def _decode(data: bytes, path: Path, encoding: str | None) -> tuple[str, str]:
    if encoding is None and data.startswith(_UTF16):
        encoding = "utf-16"
    data = data.removeprefix(codecs.BOM_UTF8)
    for name in ENCODINGS if encoding is None else (encoding,):
        try:
            text = data.decode(name)
        except UnicodeError:
            continue
        if "\x00" in text:
            break
        return text, name
    names = " or ".join(name.upper() for name in (*ENCODINGS, "utf-16 with a byte-order mark"))
    wanted = names if encoding is None else encoding.upper()
    raise ContractError(
        f"{path}: expected text in {wanted}, got something else. Save it as 'CSV UTF-8'."
    )
