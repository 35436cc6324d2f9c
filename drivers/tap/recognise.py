"""What a printed text is about: whose paper it is, the total, the tenders. By words (templates), never by position.

Pure; called by drivers.tap.session at the end of a job. A receipt whose figures contradict each other has no total:
in doubt nothing is said, and nothing is added.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from agent import limits
from drivers.tap.templates import Templates, label_key

# A number as receipts write it; longer digit runs are order numbers, and "12:30" or "2024-01-05" no amounts.
_NUMBER: Final = re.compile(
    r"(?<![\d.,])(?<!\d[:/\-])(?P<sign>-)?\s*(?P<currency>¥|\$|€|£|RMB|CNY|HK\$|元)?\s*(?P<minus>-)?"
    r"(?P<whole>\d{1,3}(?:,\d{3})+|\d{1,8})(?:[.,](?P<cents>\d{2}|\d))?(?![\d:/]|[.,]\d|-\d)\s*(?P<unit>元|%|[^\W\d_]+)?"
)
_BETWEEN_CHINESE: Final = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")
_TRANSACTION: Final = re.compile(r"(?<!\d)4\d{27}(?!\d)")  # WeChat's transaction_id: 28 digits, from 4200
_ORNAMENTS: Final = re.compile(r"[\s*=\-_#~.]+")
_BESIDE_TITLE: Final = 8
_LETTERS: Final = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class TapTender:
    """A way of paying as the receipt names it; None where it names no amount."""

    type: str
    amount_fen: int | None


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a text says. `paper` is receipt, kitchen, report, bill, merchant_copy, refund or text; `doubt` says why a
    receipt has no total."""

    paper: str
    total_fen: int | None = None
    tenders: tuple[TapTender, ...] = ()
    transaction_ids: tuple[str, ...] = ()
    doubt: str = ""


@dataclass(slots=True)
class _Found:
    amounts: dict[str, list[int]] = field(default_factory=dict)
    tenders: list[TapTender] = field(default_factory=list)

    def of(self, role: str) -> set[int]:
        return set(self.amounts.get(role, ()))


def recognise(lines: Sequence[str], templates: Templates) -> Recognised:
    """Read the lines of one paper.

    >>> from drivers.tap.templates import standard
    >>> recognise(["合计      ¥22.00", "现金:100.00 找零:78.00"], standard())
    Recognised(paper='receipt', total_fen=2200, tenders=(TapTender(type='cash', amount_fen=10000),), transaction_ids=(), doubt='')
    >>> recognise(["制作单", "牛肉面 x1"], standard()).paper, recognise(["TOTAL 1.00", "TOTAL 2.00"], standard()).doubt
    ('kitchen', 'two totals: 1.00, 2.00')
    """  # noqa: E501 - the line is what Python prints
    text = "\n".join(lines).lower()
    for paper, titles in templates.titles.items():
        if any(_is_title(line, title) for line in lines for title in titles):
            return Recognised(paper)
    found = _Found()
    for index, line in enumerate(lines):
        _read_line(line, lines[index + 1] if index + 1 < len(lines) else "", found, templates)
    if not any(found.of(role) for role in ("payable", "total", "received")):
        hinted = next((paper for paper, hints in templates.hints.items() if any(hint in text for hint in hints)), "")
        return Recognised(hinted or "text")
    tenders = tuple(dict.fromkeys(found.tenders))[: limits.SALE_TENDERS]
    total, doubt = _total(found, tenders)
    if total is not None and len(tenders) == 1 and tenders[0].amount_fen is None:
        tenders = (TapTender(tenders[0].type, total),)
    ids = tuple(dict.fromkeys(_TRANSACTION.findall(text)))[: limits.TAP_TRANSACTIONS]
    return Recognised("receipt", total, tenders, ids, doubt)


def _is_title(line: str, title: str) -> bool:
    """Whether a line is this title, with a table's number or an ornament, and no sentence that has the word in it."""
    return title in line.lower() and len(_ORNAMENTS.sub("", line)) <= len(title) + _BESIDE_TITLE


def _read_line(line: str, following: str, found: _Found, templates: Templates) -> None:
    pairs = _pairs(line, templates)
    if len(pairs) == 1 and pairs[0][1] is None and (next_amount := _only_amount(following, templates)) is not None:
        pairs = [(pairs[0][0], next_amount)]
    for label, amount in pairs:
        role = templates.role(label)
        if role and amount is not None:
            found.amounts.setdefault(role, []).append(abs(amount) if role in ("change", "discount") else amount)
        elif not role and (tender := templates.tender(label)) and (amount is None or amount > 0):
            found.tenders.append(TapTender(tender, amount))


def _pairs(line: str, templates: Templates) -> list[tuple[str, int | None]]:
    """Cut a line into labels and their amounts: "现金:100.00 找零:77.50" has two, "合计 3件 22.00" one."""
    line = _BETWEEN_CHINESE.sub("", line)
    pairs: list[tuple[str, int | None]] = []
    end = 0
    for number in _NUMBER.finditer(line):
        unit = (number["unit"] or "").lower()
        label = label_key(line[end : number.start()])
        # A word after the amount is the next label, but for the currency.
        end = number.end() if unit in ("元", "", "rmb", "cny") else number.start("unit")
        counted = "" if number["cents"] or number["currency"] else _counted(unit, templates)
        if counted:
            end += len(counted)
            if label:
                pairs.append((label, None))
        elif label or not pairs:
            pairs.append((label, _fen(number)))
        else:
            pairs[-1] = (pairs[-1][0], _fen(number))
    rest = label_key(line[end:])
    if rest and _LETTERS.search(rest):
        pairs.append((rest, None))
    return pairs


def _counted(unit: str, templates: Templates) -> str:
    """The unit of a count that a word begins with: "3件合计" has 件. English units stand alone."""
    found = (one for one in templates.units if (unit.startswith(one) if not one.isascii() else unit == one))
    return max(found, key=len, default="")


def _only_amount(line: str, templates: Templates) -> int | None:
    """The amount of a line that holds nothing else."""
    pairs = _pairs(line, templates)
    return pairs[0][1] if len(pairs) == 1 and not pairs[0][0] else None


def _fen(number: re.Match[str]) -> int:
    cents = (number["cents"] or "0").ljust(2, "0")
    fen = int(number["whole"].replace(",", "")) * 100 + int(cents)
    return -fen if number["sign"] or number["minus"] else fen


def _total(found: _Found, tenders: Sequence[TapTender]) -> tuple[int | None, str]:
    """The one amount that all figures agree on, or why there is none."""
    candidates = found.of("payable") or found.of("total")
    change = next(iter(found.of("change")), 0) if len(found.of("change")) <= 1 else 0
    paid = _paid(found, tenders, change)
    if not candidates:
        received = {one - change for one in found.of("received")}
        return (received.pop(), "") if len(received) == 1 else (None, _two(received))
    candidates = {one for one in candidates if 0 < one <= limits.AMOUNT_FEN}
    agreed = candidates & paid
    if len(agreed) == 1:
        return agreed.pop(), ""
    if len(candidates) != 1:
        return None, _two(candidates)
    total = candidates.pop()
    if not paid:
        return total, ""
    less = {total - one for one in _discounts(found)} & paid
    if len(less) == 1:
        return less.pop(), ""
    return None, f"the tenders do not add up to the total {_yuan(total)}"


def _paid(found: _Found, tenders: Sequence[TapTender], change: int) -> set[int]:
    """What may have been paid, as far as the receipt says it with amounts."""
    amounts = [tender.amount_fen for tender in tenders if tender.amount_fen is not None]
    paid = {sum(amounts), sum(amounts) - change} if amounts else set()
    return paid | {one - change for one in found.of("received")}


def _discounts(found: _Found) -> set[int]:
    each = found.amounts.get("discount", [])
    return {*each, sum(each)}


def _two(amounts: set[int]) -> str:
    return "two totals: " + ", ".join(_yuan(one) for one in sorted(amounts)) if amounts else "no total above zero"


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
