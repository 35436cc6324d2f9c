"""`pos-agent devices tap-file`: one captured print stream through the tap as it runs live, and what it recognised."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.common import plain_errors
from agent.domain.errors import AgentError, ConfigError
from drivers.profiles import profile
from drivers.tap.one_file import prompt_document, through
from drivers.tap.settings import TapSettings, load


def tap_file(
    source: Annotated[Path, typer.Argument(metavar="IN.bin", help="The captured stream of a POS.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.bin", help="Where to put what the printer would get.")],
    prompt: Annotated[
        str, typer.Option("--prompt", help="What to append; a line that is an address becomes a QR code too.")
    ] = "",
    printer: Annotated[
        str, typer.Option("--profile", help="The printer's profile; else the one of the configuration.")
    ] = "",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A tap.toml with the shop's own words and commands.")
    ] = None,
) -> None:
    """Put one captured stream through the tap; print as JSON what it recognised and where it inserted, or why not."""
    with plain_errors():
        settings = TapSettings() if config is None else load(config)
        rules = settings.rules
        if printer:
            try:
                rules = replace(rules, profile=profile(printer))
            except ValueError as error:
                raise ConfigError([str(error)]) from error
        try:
            stream = source.read_bytes()
            out, reports = asyncio.run(through(stream, rules, prompt_document(prompt) if prompt else None))
            target.write_bytes(out)
        except OSError as error:
            raise AgentError(f"{error.filename}: {error.strerror}", hint="check the paths") from error
    told = reports[0].as_json() if reports else {"kind": "empty", "inserted": False, "why": "the stream is empty"}
    json.dump({**told, "bytes_in": len(stream), "bytes_out": len(out)}, sys.stdout, ensure_ascii=False, indent=2)
    print()
