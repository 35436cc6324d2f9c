"""Reading spreadsheets as people save them: UTF-8 with or without mark, or GB18030; named columns; exact numbers.

Used by sync.hq.member_csv, item_csv and importer. A row that cannot be read becomes a Fault with its line number, so
that all mistakes of a file are reported at once.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.domain.errors import Refusal

_READ_BYTES: Final = 1 << 20
_YUAN = re.compile(r"(\d{1,8})(?:\.(\d{1,2}))?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,10}", re.ASCII)
_SCIENTIFIC = re.compile(r"\d+(?:\.\d+)?[eE]\+?\d+", re.ASCII)
_YES: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class BadValue(ValueError):
    """A cell that cannot be honoured; the text says why, for the person who made the file."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One bad row: the line of the file it starts on (the header is line 1), and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Header names a file must and may have."""

    required: Sequence[str]
    optional: Sequence[str]


def rows(path: Path, columns: Columns) -> Iterator[tuple[int, dict[str, str] | Fault]]:
    """Yield (line, cells by column name, stripped) per row; an absent optional column reads as "".

    Refusal CSV_UNREADABLE, CSV_ENCODING or CSV_HEADER (naming every missing and unknown column) when the file as a
    whole cannot be used. Empty lines are passed over.
    """
    with path.open(newline="", encoding=_encoding(path)) as file:
        reader = csv.reader(file, strict=True)
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, columns)
        blank = dict.fromkeys(columns.optional, "")
        line = reader.line_num + 1
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield line, Fault(line, f"not readable as CSV: {error}; the rest of the file was not read")
                return
            if cells is None:
                return
            if len(cells) == len(header):
                named = dict(zip(header, (cell.strip() for cell in cells), strict=True))
                yield line, {**blank, **named}
            elif cells:
                yield line, Fault(line, f"has {len(cells)} cells, the header has {len(header)}")
            line = reader.line_num + 1


def _encoding(path: Path) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        try:
            with path.open("rb") as file:
                while part := file.read(_READ_BYTES):
                    decoder.decode(part)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        except OSError as error:
            raise Refusal("CSV_UNREADABLE", f"{path}: {error.strerror}") from error
        return encoding
    raise Refusal("CSV_ENCODING", f"{path} is neither UTF-8 nor GB18030", hint="save it as CSV UTF-8")


def _check_header(header: Sequence[str], columns: Columns) -> None:
    mistakes = [f"column {name} is missing" for name in columns.required if name not in header]
    known = {*columns.required, *columns.optional}
    mistakes += [f"column {name!r} is not known" for name in header if name not in known]
    mistakes += [f"column {name} comes twice" for name in sorted({n for n in header if header.count(n) > 1})]
    if mistakes:
        hint = "columns: " + ", ".join([*columns.required, *(f"[{name}]" for name in columns.optional)])
        raise Refusal("CSV_HEADER", "; ".join(mistakes), hint=hint)


def fen(column: str, text: str) -> int:
    """Read yuan with at most two decimals as fen, exactly.

    >>> fen("list_yuan", "12.80"), fen("list_yuan", "12.8"), fen("list_yuan", "0.05")
    (1280, 1280, 5)
    """
    found = _YUAN.fullmatch(text)
    if found is None:
        raise BadValue(f"{column} {text!r}: write yuan like 12.80")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def whole(column: str, text: str, bound: int) -> int:
    """Read a whole number within plus or minus `bound`."""
    if _WHOLE.fullmatch(text) is None or abs(int(text)) > bound:
        raise BadValue(f"{column} {text!r}: write a whole number up to {bound}")
    return int(text)


def flag(column: str, text: str, *, default: bool) -> bool:
    """Read 1/0, true/false or yes/no; empty is the default."""
    if not text:
        return default
    if text.lower() not in _YES:
        raise BadValue(f"{column} {text!r}: write 1 or 0")
    return _YES[text.lower()]


def matching(column: str, text: str, pattern: re.Pattern[str], expected: str) -> str:
    """Check a cell against a form; names the spreadsheet when it turned digits into scientific notation."""
    if pattern.fullmatch(text) is not None:
        return text
    if _SCIENTIFIC.fullmatch(text) is not None:
        raise BadValue(f"{column} {text!r}: the spreadsheet rounded this number; format the column as text")
    raise BadValue(f"{column} {text!r}: {expected}")
