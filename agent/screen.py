"""What stands on the pages of one till whoever looks: the shop, its words. Made by the composition root."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Screen:
    """The shop as its pages show it. `language` is an HTML language tag."""

    store_name: str
    language: str
    training: bool
    tables: bool
    join_svg: str
    """The join page's QR code as a data URL; empty where there is none."""
    words: Mapping[str, str]
