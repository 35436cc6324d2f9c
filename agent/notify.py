"""What a service tells systemd about itself: ready, stopping, alive (sd_notify and the watchdog).

Made by the command line from the environment and handed to both composition roots; silent where there is no systemd.
It must never ping without a health step behind it: a ping from a timer of its own would vouch for a hung program.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

from agent import limits

_PINGS_PER_WATCHDOG = 3  # LIMIT: two steps may be late or slow before systemd loses its patience


class Notifier:
    """Speaks to the service manager at `address`; an empty address is nobody and `watchdog_s` 0 is no watchdog."""

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = watchdog_s if address else 0.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int) -> "Notifier":
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; a watchdog meant for another process is not ours."""
        ours = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        usec = environment.get("WATCHDOG_USEC", "")
        return cls(environment.get("NOTIFY_SOCKET", ""), int(usec) / 1e6 if ours and usec.isdecimal() else 0.0)

    def ready(self) -> None:
        """Say that requests are answered from now on."""
        self._send("READY=1")

    def turning(self) -> None:
        """Say that requests wait until `ready` is said again, in this very process; the patience begins anew.

        Never `stopping` for it: systemd would wait for the end of the process, and kill it.
        """
        self._send("RELOADING=1")
        self.alive()

    def alive(self) -> None:
        """Ping the watchdog behind a step of turning or starting that was done."""
        if self.watchdog_s:
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the drain has begun."""
        self._send("STOPPING=1")

    async def watch(self, step: Callable[[], Awaitable[None]]) -> None:
        """Ping the watchdog after every successful health step until cancelled; returns at once without a watchdog.

        What `step` raises passes through: a program that is ill ends and is started again.
        """
        if not self.watchdog_s:
            return
        interval_s = min(self.watchdog_s / _PINGS_PER_WATCHDOG, limits.HEALTH_INTERVAL_S)
        while True:
            await step()
            self._send("WATCHDOG=1")
            await asyncio.sleep(interval_s)

    def _send(self, state: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.connect(self._address)
            manager.sendall(state.encode())


def our_notifier() -> Notifier:
    """Give the notifier of this process."""
    return Notifier.from_environment(os.environ, os.getpid())
