"""The tap from its configuration file to its end: what `python -m drivers.tap` and `pos-agent tap run` do.

The unit starts the former: it loads a third of the modules, and starts when the daemon's own program does not.
"""

import asyncio
import faulthandler
import os
import signal
import sys
from pathlib import Path
from typing import Final

from agent import logs
from agent.domain.errors import ConfigError
from agent.notify import our_notifier
from agent.system import SystemClock
from drivers.tap.service import Tap
from drivers.tap.settings import TapSettings, load
from drivers.tap.unix_desk import UnixDesk

DEFAULT_CONFIG: Final = Path("/etc/pos-agent/tap.toml")
_EXIT_CONFIG: Final = 78  # systemd does not restart on it


def run(config: Path) -> int:
    """Serve until SIGTERM; the exit code. Mistakes in the configuration are all printed at once."""
    os.umask(0o077)
    faulthandler.enable()
    try:
        if not config.exists():
            raise ConfigError([f"{config} does not exist: copy systemd/tap.example.toml there, or name another"])
        settings = load(config)
        logs.configure()
        asyncio.run(_serve(settings))
    except ConfigError as error:
        for mistake in error.mistakes:
            sys.stderr.write(f"{mistake}\n")
        return _EXIT_CONFIG
    return 0


async def _serve(settings: TapSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Tap(settings, UnixDesk(Path(settings.socket)), SystemClock(), our_notifier()).run(stop)
    logs.get().info("tap.stopped")
