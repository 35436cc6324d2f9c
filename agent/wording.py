"""Every sentence a cashier or customer reads, in Chinese as a shop would say it and in English.

The look-up; the words themselves stand in agent/words, by who reads them. Codes are public and stable
(docs/till-api.md); sentences may change at any time. No printed rule may claim a "final right of interpretation" (S60).
"""

from typing import Final

from agent.words.console import CONSOLE
from agent.words.console_acts import ACTS
from agent.words.headquarters import HEADQUARTERS
from agent.words.machine import MACHINE
from agent.words.pages import SCREEN
from agent.words.paper import LABELS
from agent.words.setup import SETUP
from agent.words.till import TILL
from agent.words.training import TRAINING
from agent.words.verify import VERIFY

CHINESE: Final = 0
ENGLISH: Final = 1

SENTENCES: Final[dict[str, tuple[str, str]]] = {**TILL, **MACHINE, **HEADQUARTERS}
"""Refusals, states and discrepancies by code; a code stands in one table only (tests/unit/test_codes_have_words.py)."""


def sentence(code: str, language: int = CHINESE) -> str:
    """Give the sentence for a code; an unknown code is shown as itself, never hidden."""
    pair = SENTENCES.get(code)
    return pair[language] if pair is not None else code


def label(key: str, language: int = CHINESE) -> str:
    """Give a word for paper or screen; raises KeyError for a key that was never written here (our mistake)."""
    return LABELS[key][language]


def screen_words(language: int = CHINESE) -> dict[str, str]:
    """The words of the pages in one language; the sentences of states and refusals by `code_...`."""
    told = {f"code_{code}": pair[language] for code, pair in {**TILL, **MACHINE}.items()}
    return {**told, **{key: pair[language] for key, pair in {**SCREEN, **TRAINING, **VERIFY}.items()}}


def setup_word(key: str, language: int = CHINESE) -> str:
    """What `pos-agent devices setup` says or asks, with places for values; raises KeyError for a key never written."""
    return SETUP[key][language]


def console_words(language: str) -> dict[str, str]:
    """The console's words in a browser's language (a tag such as `zh-CN`); Chinese for `zh`, else English."""
    place = CHINESE if language.lower().startswith("zh") else ENGLISH
    refused = {f"refused_{code}": pair[place] for code, pair in SENTENCES.items()}
    return {
        **refused,
        **{key: pair[place] for key, pair in {**CONSOLE, **ACTS}.items()},
        "language": "zh" if place == CHINESE else "en",
    }
