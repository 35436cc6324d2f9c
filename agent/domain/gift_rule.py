"""The brand's target of virtual to physical gifts (S30), as a rule set says it. HQ alone acts by it.

Pure; a part of agent.domain.rule_set. The gifts themselves are a catalogue at HQ (sync.hq.gift_csv).
"""

from dataclasses import dataclass
from typing import Final

from agent.domain.digest import Json

_PARTS: Final = 1_000
_NEAR_BP: Final = (
    1_000  # LIMIT: 7:3 is met by 60 % to 80 % of virtual gifts; a catalogue of ten moves by a tenth at once
)
_NAMES: Final = ("virtual", "physical")


@dataclass(frozen=True, slots=True)
class GiftMix:
    """So many parts virtual to so many physical; 0 to 0 is no target."""

    virtual: int = 0
    physical: int = 0

    def remark(self, virtual: int, physical: int) -> str:
        """What to say of a catalogue; "" where it is near the target, or there is none.

        >>> GiftMix(7, 3).remark(6, 4), GiftMix(7, 3).remark(5, 5), GiftMix().remark(0, 9)
        ('', '5 virtual to 5 physical gifts are 50 % virtual, and 7:3 is wanted (S30)', '')
        """
        wanted, there = self.virtual + self.physical, virtual + physical
        if not wanted or not there:
            return ""
        if abs(virtual * 10_000 * wanted - self.virtual * 10_000 * there) <= _NEAR_BP * wanted * there:
            return ""
        share = f"{virtual} virtual to {physical} physical gifts are {virtual * 100 // there} % virtual"
        return f"{share}, and {self.virtual}:{self.physical} is wanted (S30)"


def gift_mix(raw: Json, faults: list[str]) -> GiftMix:
    """Read `gift_mix` of a rule set; every fault joins `faults`.

    >>> gift_mix({"virtual": 7, "physical": 3}, [])
    GiftMix(virtual=7, physical=3)
    """
    if raw is None:
        return GiftMix()
    if not isinstance(raw, dict):
        faults.append("gift_mix must be an object")
        return GiftMix()
    found = [f"gift_mix.{name} is not known" for name in raw if name not in _NAMES]
    parts: list[int] = []
    for name in _NAMES:
        value = raw.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _PARTS:
            parts.append(value)
        else:
            found.append(f"gift_mix.{name} must be an integer from 0 to {_PARTS}")
    if not found and not any(parts):
        found.append("gift_mix: one of virtual and physical is more than 0")
    faults += found
    return GiftMix() if found else GiftMix(*parts)
