"""`pos-agent devices probe`: print numbered samples on a configured printer, ask what came out, name the profile.

Stop the agent first: it holds the printer. Nothing is written; the two lines are shown, to be put into [[printer]].
"""

from collections.abc import Mapping
from typing import Annotated

import typer

from agent.cli.common import DEFAULT_CONFIG, ConfigOption, plain_errors, settings
from agent.config_printer import PrinterSection
from agent.domain.errors import AgentError
from agent.printer_devices import chosen_profile, transport_of
from agent.system import SystemClock
from drivers.glyphs import Glyphs
from drivers.probe import OPTIONS, Overheard, choose, probe_page, questions
from drivers.probe_talk import ANSWERS, overhear, print_blindly, print_page

_ONE_WAY = ("cups", "file")


def probe(
    config: ConfigOption = DEFAULT_CONFIG,
    name: Annotated[str, typer.Option(help="Which [[printer]]; the first one by default.")] = "",
    no_drawer: Annotated[bool, typer.Option("--no-drawer", help="Leave the cash drawer shut.")] = False,
    answers: Annotated[str, typer.Option(help="Do not print or ask: the six numbers, such as 3,1,2,0,1,1.")] = "",
) -> None:
    """Print samples, ask a few numbers, and say which profile this printer needs."""
    with plain_errors():
        section = _section(settings(config).printer, name)
        transport = transport_of(section, chosen_profile(section), SystemClock(), readable=True)
        one_way = section.kind in _ONE_WAY
        heard = Overheard(False, "none")
        if not answers:
            page = probe_page(Glyphs().draw, drawer=not no_drawer, questions=b"" if one_way else ANSWERS)
            heard = print_blindly(transport, page) if one_way else print_page(transport, page, SystemClock())
        elif not one_way:
            heard = overhear(transport, SystemClock())
        given = _given(answers) if answers else _asked(no_drawer=no_drawer)
        try:
            chosen = choose(given, heard)
        except ValueError as error:
            raise AgentError(f"wrong answers: {error}", hint="answer with the numbers that are offered") from error
    print(f"It {'answers' if heard.status else 'does not answer'}; for [[printer]] {section.name}:\n{chosen.toml()}")


def _section(printers: list[PrinterSection], name: str) -> PrinterSection:
    found = [one for one in printers if name in ("", one.name)]
    if not found:
        raise AgentError(f"no [[printer]] is called {name!r}", hint="write it into the configuration first")
    return found[0]


def _asked(*, no_drawer: bool) -> Mapping[str, int]:
    given: dict[str, int] = {}
    for key, question in questions().items():
        if key == "drawer" and no_drawer:
            given[key] = 0
            continue
        answer = typer.prompt(question, type=int)
        while answer not in OPTIONS[key]:
            answer = typer.prompt(question, type=int)
        given[key] = answer
    return given


def _given(text: str) -> Mapping[str, int]:
    numbers = [part.strip() for part in text.split(",")]
    if len(numbers) != len(OPTIONS) or not all(number.isdecimal() for number in numbers):
        raise AgentError(f"{text!r} is not {len(OPTIONS)} numbers with commas", hint=f"in order: {', '.join(OPTIONS)}")
    return dict(zip(OPTIONS, map(int, numbers), strict=True))
