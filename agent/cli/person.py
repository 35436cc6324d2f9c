"""A person at the terminal: told sentences and asked questions in one language, until an answer can be used.

Used by `pos-agent devices setup`. Full-width letters and digits, as a Chinese input method types them, are read as
plain ones; a wrong answer is asked for again; Ctrl-C and the end of input raise Left.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

from agent.domain.errors import DeviceError
from agent.wording import SENTENCES, sentence, setup_word

_YES: Final = ("y", "yes", "是", "是的", "对", "好", "有")
_NO: Final = ("n", "no", "不", "不是", "否", "没", "没有")
_SIGNS: Final = str.maketrans({"。": ".", "、": ",", "—": "-"})


class Left(Exception):
    """The person went away."""


class Person:
    """Who sits there."""

    def __init__(self, language: int) -> None:
        self.language = language

    def word(self, key: str) -> str:
        """A sentence of agent.words.setup, its places unfilled."""
        return setup_word(key, self.language)

    def say(self, key: str, **values: object) -> None:
        """Say a sentence of agent.words.setup."""
        print(self.word(key).format(**values), flush=True)

    def say_trouble(self, error: DeviceError) -> None:
        """Say why a device does not work: the sentence of its code, and the detail."""
        code, _, detail = error.message.partition(": ")
        if code in SENTENCES:
            self.say("trouble", sentence=sentence(code, self.language), detail=detail or code)
        else:
            self.say("trouble", sentence=error.message, detail=error.hint)
        if code in ("PRINTER_BUSY", "PRINTER_UNREACHABLE"):
            self.say("stop_agent")

    def line(self, prompt: str) -> str:
        """One line as it is meant: without spaces around, full-width signs made plain."""
        try:
            said = input(prompt + " ")
        except (EOFError, KeyboardInterrupt) as error:
            print()
            raise Left from error
        except UnicodeDecodeError:
            said = ""
        return unicodedata.normalize("NFKC", said).translate(_SIGNS).strip()

    def yes(self, key: str, *, default: bool | None = None, **values: object) -> bool:
        """A question that is answered with yes or no; Enter alone means `default`."""
        tail = {None: "[y/n]", True: "[Y/n]", False: "[y/N]"}[default]
        while True:
            said = self.line(f"{self.word(key).format(**values)} {tail}").lower()
            if said in _YES:
                return True
            if said in _NO:
                return False
            if not said and default is not None:
                return default
            self.say("answer_yes_no")

    def number(self, question: str, allowed: Sequence[int], *, also: Sequence[str] = ()) -> int | str:
        """One of some numbers, or one of the letters in `also`."""
        while True:
            said = self.line(question).lower()
            if said in also:
                return said
            if said.isascii() and said.isdigit() and int(said) in allowed:
                return int(said)
            self.say("answer_number", allowed=", ".join(map(str, allowed)))

    def letter(self, key: str, allowed: str) -> str:
        """One of some letters."""
        while True:
            said = self.line(self.word(key)).upper()
            if len(said) == 1 and said in allowed:
                return said
            self.say("answer_letter", allowed=", ".join(allowed))
