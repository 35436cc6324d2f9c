"""Which queues this machine's CUPS has, for who chooses a printer. Called by `pos-agent devices setup`; prints nothing.

Whether a queue can be used at all, drivers.cups_printer says when it opens it.
"""

from dataclasses import dataclass

import httpx

from agent import limits
from drivers import ipp


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue and the device behind it as CUPS writes it (usb://..., socket://..., serial:...)."""

    name: str
    device: str


def queues(server: str) -> list[Queue]:
    """List the queues, none where there is no CUPS; `server` is its URL (loopback) or the path of its socket."""
    over_socket = server.startswith("/")
    way = httpx.HTTPTransport(uds=server if over_socket else None)
    base = "http://localhost" if over_socket else server.rstrip("/")
    asked = ("printer-name", "device-uri")
    body = ipp.request(ipp.CUPS_GET_PRINTERS, 1, [(ipp.KEYWORD, "requested-attributes", asked)])
    try:
        with httpx.Client(transport=way, timeout=limits.PRINT_CONNECT_S, base_url=base) as client:
            answer = client.post("/", content=body, headers={"Content-Type": "application/ipp"})
            answer.raise_for_status()
            told = ipp.printers(answer.content)
    except (httpx.HTTPError, ValueError):
        return []
    found = [Queue(_text(one, "printer-name"), _text(one, "device-uri")) for one in told]
    return sorted((one for one in found if one.name and one.device), key=lambda one: one.name)


def _text(attributes: dict[str, list[ipp.Value]], name: str) -> str:
    value = next(iter(attributes.get(name, [])), None)
    return value if isinstance(value, str) else ""
