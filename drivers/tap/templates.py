"""The words by which receipts are read: templates.toml, and what a shop adds to it.

Pure but for reading its own data file once. Used by drivers.tap.recognise.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

ROLES: Final = ("payable", "total", "received", "change", "discount")
PAPERS: Final = ("kitchen", "report", "bill", "merchant_copy", "refund")
_NO_LETTER: Final = re.compile(r"[\W_]+")
_REMARK: Final = re.compile(r"\((?:元|rmb|cny|¥|￥|人民币|incl[^)]*|含税)\)")


def label_key(text: str) -> str:
    """Reduce a label to what is compared: lower case, letters and digits only.

    >>> label_key("应收金额(元)："), label_key("Grand  Total:")
    ('应收金额', 'grandtotal')
    """
    return _NO_LETTER.sub("", _REMARK.sub("", text.lower()))


@dataclass(frozen=True, slots=True)
class Templates:
    """Words by role and by tender; all are label keys, titles and hints are plain lower-case text."""

    roles: Mapping[str, str]
    tenders: Mapping[str, str]
    before: tuple[str, ...]
    after: tuple[str, ...]
    units: frozenset[str]
    titles: Mapping[str, tuple[str, ...]]
    hints: Mapping[str, tuple[str, ...]]

    def role(self, label: str) -> str:
        """Name the role of a label key, empty when it has none."""
        return self.roles.get(label, "")

    def tender(self, label: str) -> str:
        """Name the way of paying that a label key says, empty when it is none.

        >>> standard().tender("支付方式微信支付"), standard().tender("微信红包封面")
        ('wechat', '')
        """
        for before in ("", *self.before):
            if not label.startswith(before):
                continue
            rest = label.removeprefix(before)
            if rest in self.tenders:
                return self.tenders[rest]
            for after in self.after:
                if rest.endswith(after) and rest.removesuffix(after) in self.tenders:
                    return self.tenders[rest.removesuffix(after)]
        return ""

    def with_words(self, words: Mapping[str, Sequence[str]]) -> "Templates":
        """Add a shop's own words: a role, a tender, or a paper such as `kitchen` (its titles)."""
        roles, tenders, titles = dict(self.roles), dict(self.tenders), dict(self.titles)
        known = set(self.tenders.values())
        for name, added in words.items():
            if name in ROLES:
                roles |= {label_key(word): name for word in added}
            elif name in PAPERS:
                titles[name] = (*titles[name], *(word.lower() for word in added))
            elif name in known:
                tenders |= {label_key(word): name for word in added}
            else:
                raise ValueError(f"words.{name}: there is {', '.join([*ROLES, *PAPERS, *sorted(known)])}")
        return Templates(roles, tenders, self.before, self.after, self.units, titles, self.hints)


@cache
def standard() -> Templates:
    """The words that come with the program."""
    raw = tomllib.loads(files("drivers.tap").joinpath("templates.toml").read_text(encoding="utf-8"))
    return Templates(
        roles={label_key(word): role for role in ROLES for word in raw[role]},
        tenders={label_key(word): kind for kind, words in raw["tenders"].items() for word in words},
        before=tuple(label_key(word) for word in raw["around"]["before"]),
        after=tuple(label_key(word) for word in raw["around"]["after"]),
        units=frozenset(raw["counts"]["units"]),
        titles={paper: tuple(raw[paper]["title"]) for paper in PAPERS},
        hints={paper: tuple(raw[paper]["hint"]) for paper in PAPERS},
    )
