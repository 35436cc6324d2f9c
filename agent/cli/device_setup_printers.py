"""The printers' part of `pos-agent devices setup`: print a page, ask what came out, try the settings, write them.

Every answer is kept until it is written or shown: a wrong one is asked again, a printer that goes away in the middle is
tried again, and who leaves reads what was found out so far. Nothing is written without a yes to the difference.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.cli.common import settings
from agent.cli.person import Left, Person
from agent.cli.printer_candidates import Candidate, at_address, candidates, free_name, same_place
from agent.cli.printer_line import found_line
from agent.cli.write_asking import write_asking
from agent.config_printer import PrinterSection
from agent.config_write import Value, planned, with_table
from agent.device_ports import PrintVerdict
from agent.domain.errors import DeviceError
from agent.domain.receipts import test_page
from agent.ports import Clock
from agent.printer_devices import chosen_profile, make_printer, transport_of
from drivers.discovery import Found
from drivers.escpos_pieces import Debt
from drivers.glyphs import Glyphs
from drivers.probe import OPTIONS, Choice, Overheard, choose, probe_page, questions
from drivers.probe_talk import ANSWERS, print_blindly, print_page

_LETTERS: Final = "ABCDEF"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_OWN_KEYS: Final = ("watch_s", "pace_bytes_per_s")
"""What a person may have set for a printer and no page can find out: it stays."""


def set_up_printers(
    config: Path, found: Sequence[Found], person: Person, clock: Clock, *, cups: str = "", drawer: bool = True
) -> None:
    """Set printers up, one after the other, until the person has enough; raises Left, ConfigError."""
    while True:
        configured = settings(config)
        listed = candidates(found, configured, cups)
        person.say("printers" if listed else "printers_none")
        for number, one in enumerate(listed, start=1):
            print(f"  {number}  {one.title}  {one.place}  ({person.word(f'kind_{one.kind}')})")
        chosen = _chosen(listed, person)
        if chosen is None:
            return
        try:
            _OnePrinter(config, chosen, person, clock, drawer=drawer).run()
        except DeviceError as error:
            person.say_trouble(error)


def _chosen(listed: Sequence[Candidate], person: Person) -> Candidate | None:
    while True:
        said = person.line(person.word("choose"))
        if not said:
            return None
        if said.isascii() and said.isdigit() and 0 < int(said) <= len(listed):
            return listed[int(said) - 1]
        one = at_address(said)
        if one is not None:
            return one
        person.say("choose_again", said=said)


class _OnePrinter:
    """One printer from the page of samples to the configuration."""

    def __init__(self, config: Path, one: Candidate, person: Person, clock: Clock, *, drawer: bool) -> None:
        self._config, self._one, self._person, self._clock = config, one, person, clock
        self._drawer = drawer
        self._broken_off = False
        self._given: dict[str, int] = {}
        self._table: dict[str, Value] = {}

    def run(self) -> None:
        """The whole way; raises DeviceError, Left, ConfigError."""
        if self._one.kind == "serial":
            line = found_line(str(self._one.way["path"]), self._person, self._clock)
            if line is None:
                return
            self._one = replace(self._one, way={**self._one.way, **line})
        try:
            heard = self._until_printed()
            if heard is None:
                return
            self._say_heard(heard)
            self._ask()
            self._settle(heard)
            self._table = {"name": self._name(), **self._table}
            self._write()
        except (Left, KeyboardInterrupt) as error:
            if self._table:
                self._person.say("left_answers")
                self._show()
            raise Left from error

    # --- the page ---------------------------------------------------------------------------------------------------
    def _until_printed(self) -> Overheard | None:
        """Print the page until the person says that it came; what was heard of the printer, None when it never came."""
        while True:
            heard = self._try(self._print_page)
            if heard is not None:
                if self._person.yes("printed"):
                    return heard
                self._person.say("not_printed")
            if not self._person.yes("print_again", default=True):
                return None

    def _print_page(self) -> Overheard:
        section = PrinterSection.model_validate({"name": "setup", **self._one.way})
        transport = transport_of(section, chosen_profile(section), self._clock, readable=True)
        one_way = section.kind in ("cups", "file")
        page = probe_page(Glyphs().draw, drawer=self._drawer, questions=b"" if one_way else ANSWERS)
        if self._broken_off:
            page = bytes(Debt.of(page, answers=0, sent=0).fill_bytes) + page  # ends the picture that broke off
        self._person.say("printing")
        self._broken_off = True
        heard = print_blindly(transport, page) if one_way else print_page(transport, page, self._clock)
        self._broken_off = False
        return heard

    def _try(self, work: Callable[[], Overheard]) -> Overheard | None:
        """Do what may fail at the printer; None when it did, which is told."""
        try:
            return work()
        except DeviceError as error:
            self._person.say_trouble(error)
            return None

    def _say_heard(self, heard: Overheard) -> None:
        completion = heard.completion != "none" and f"hears_{heard.completion}"
        keys = [heard.status and "hears_status", completion, heard.asb and "hears_asb"]
        told = [self._person.word(key) for key in keys if key]
        if told:
            self._person.say("answers_itself", what=", ".join(told))
        else:
            self._person.say("answers_not")

    def _ask(self) -> None:
        """All questions about the page, in order; back and again as often as wanted."""
        self._person.say("how")
        keys = self._keys()
        at = 0
        while at < len(keys):
            answer = self._answer(keys[at])
            if answer == "b":
                at = max(0, at - 1)
            elif answer == "r":
                self._try(self._print_page)
            else:
                at += 1

    def _keys(self) -> list[str]:
        return [key for key in OPTIONS if key != "drawer" or self._drawer]

    def _answer(self, key: str) -> int | str:
        """Ask one question; a number is kept."""
        question = questions(self._person.language)[key]
        answer = self._person.number(question, OPTIONS[key], also=("b", "r"))
        if isinstance(answer, int):
            self._given[key] = answer
        return answer

    # --- the settings -----------------------------------------------------------------------------------------------
    def _settle(self, heard: Overheard) -> None:
        """Choose, try on paper, let single answers be mended, until the person is content."""
        while True:
            choice = choose({"drawer": 0, **self._given}, heard)
            self._table = self._table_of(choice)
            self._person.say("chosen", profile=choice.toml().replace("\n", ", "))
            if not self._person.yes("trial", default=True) or self._tried():
                return
            key = list(OPTIONS)[_LETTERS.index(self._person.letter("which_wrong", _LETTERS))]
            while isinstance(self._answer(key), str):
                self._try(self._print_page)

    def _table_of(self, choice: Choice) -> dict[str, Value]:
        kept: Mapping[str, Value] = {}
        for section in settings(self._config).printer:
            if same_place(section, self._one):
                kept = {key: getattr(section, key) for key in _OWN_KEYS if key in section.model_fields_set}
        override: dict[str, Value] = {"override": choice.override} if choice.override else {}
        return {**self._one.way, "profile": choice.profile, **override, **kept}

    def _tried(self) -> bool:
        """Print the test page as the agent would, until it came or is given up; whether it was right."""
        section = PrinterSection.model_validate({"name": "setup", **self._table})
        while True:
            try:
                verdict = asyncio.run(self._print_test(section))
            except DeviceError as error:
                self._person.say_trouble(error)
                if not self._person.yes("print_again", default=True):
                    return True
                continue
            self._person.say("trial_confirmed" if verdict is PrintVerdict.CONFIRMED else "trial_sent")
            return self._person.yes("trial_right")

    async def _print_test(self, section: PrinterSection) -> PrintVerdict:
        printer = make_printer(section, self._clock)
        try:
            return await printer.print(test_page(printer=section.kind, store="", at_ms=self._clock.now_ms()))
        finally:
            printer.close()

    # --- the file ---------------------------------------------------------------------------------------------------
    def _name(self) -> str:
        default = free_name(settings(self._config), self._one)
        while True:
            said = self._person.line(self._person.word("name").format(default=default)) or default
            if _NAME.fullmatch(said):
                return said
            self._person.say("name_wrong")

    def _write(self) -> None:
        change = planned(self._config, "printer", self._table)
        if not write_asking(change, self._person, self._clock.now_ms()):
            self._person.say("not_written")
            self._show()

    def _show(self) -> None:
        print(with_table("", "printer", {"name": "receipt", **self._table}), end="")
