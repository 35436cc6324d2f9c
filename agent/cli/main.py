"""The command `pos-agent`: runs one command and imports only what that one needs, for half of them would cost seconds.

Errors become one sentence and an exit code: 0 done, 1 something failed, 2 wrong usage, 3 the books differ, 4 HQ could
not be asked, 78 the configuration is wrong (systemd does not restart on 78).
"""

import sys
from importlib import import_module
from typing import Final

import typer

_COMMANDS: Final = {
    "run": ("agent.cli.daemon", "run"),
    "enrol": ("agent.cli.daemon", "enrol"),
    "pair": ("agent.cli.daemon", "pair"),
    "status": ("agent.cli.mode", "status"),
    "training": ("agent.cli.mode", "training"),
    "tokens": ("agent.cli.people", "tokens"),
    "revoke": ("agent.cli.people", "revoke"),
    "reconcile": ("agent.cli.proof", "reconcile"),
    "differences": ("agent.cli.proof", "differences"),
    "explain": ("agent.cli.proof", "explain"),
    "confirm-clock": ("agent.cli.risk", "confirm_clock"),
    "frozen": ("agent.cli.risk", "frozen"),
    "unfreeze": ("agent.cli.risk", "unfreeze"),
    "doctor": ("agent.cli.doctor", "doctor"),
    "demo": ("agent.cli.trying", "demo"),
    "conformance": ("agent.cli.conformance", "conformance"),
}
_GROUPS: Final = {
    "operator": ("agent.cli.people", "operators"),
    "devices": ("agent.cli.devices", "app"),
    "tap": ("agent.cli.tap", "app"),
    "hq": ("agent.cli.hq_group", "app"),
}
WORDS: Final = (*_COMMANDS, *_GROUPS)
"""Every command and group of commands."""


def empty() -> typer.Typer:
    """The application without its commands."""
    made = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Offline-first POS integration agent: members, prices, points and receipts at the till.",
    )
    made.callback()(lambda: None)
    return made


def add(made: typer.Typer, word: str) -> None:
    """Import one of WORDS and add it to an application."""
    module, name = _COMMANDS.get(word) or _GROUPS[word]
    found = getattr(import_module(module), name)
    if word in _GROUPS:
        made.add_typer(found, name=word)
    else:
        made.command(word)(found)


def app() -> None:
    """Run what the command line says; the whole application where it names no command."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    if word in WORDS:
        one = empty()
        add(one, word)
    else:
        one = import_module("agent.cli.whole").app
    one()
