"""The till's API for a POS written in Python: one class, one dependency (httpx), nothing else of this project.

A vendor copies the folder of this file. line asks and repeats, and has the tree of errors; kept remembers what was
begun; till_types has the types. Only what a POS calls is here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as quoted

import httpx

from .kept import Body
from .line import FIRST_PAUSE_S, Line, NoAnswer, OtherBooks, Refused, TillError, Waiting, problem_of

if TYPE_CHECKING:
    from . import till_types as t

__all__ = ["Event", "NoAnswer", "OtherBooks", "PosAgent", "Refused", "TillError", "Waiting"]

_ALIVE_S = 45.0  # LIMIT: the till sends a comment every 15 s; three missed mean that the line is dead


@dataclass(frozen=True)
class Event:
    """One event of the stream; `id` is None for what is never replayed."""

    id: int | None
    kind: str
    data: dict[str, Any]


class PosAgent(Line):
    """One POS at one till. Not for several threads at once, but for `events`, which may have one of its own."""

    def __enter__(self) -> PosAgent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pair(self, code: str, app: str) -> str:
        """Exchange the pairing code for a token, once. Keep the token: it does not expire."""
        answer = self._ask("POST", "/v1/pair", {"code": code, "app": app})
        self.token = str(answer["token"])
        return self.token

    def hello(self) -> t.Hello:
        """Who answers, and whether it is ready to sell."""
        return self._ask("GET", "/v1/hello")  # type: ignore[return-value]

    def status(self) -> t.StatusView:
        """What is up, and what waits."""
        return self._ask("GET", "/v1/status")  # type: ignore[return-value]

    def accept_books(self) -> str:
        """After OtherBooks: what is begun from now on is meant for the books that are open; `real` or `training`."""
        self.books = "training" if self.hello()["training"] else "real"
        return self.books

    def resolve(self, body: t.ResolveRequest) -> t.IdentificationView:
        """Who is it: `{"code": ...}`, `{"auth_code": ...}` or `{"last_scan": True}`."""
        return self._ask("POST", "/v1/members/resolve", body)  # type: ignore[return-value]

    def payment(self, raw: str) -> t.IdentificationView:
        """Who paid: the exact text WeChat returned, unchanged."""
        return self._ask("POST", "/v1/payments/wechat", {"raw": raw})  # type: ignore[return-value]

    def quote(self, body: t.QuoteRequest) -> t.QuoteView:
        """What it costs; charge `due_fen`, nothing else."""
        answer = self._ask("POST", "/v1/quotes", body)
        self._kept.note(_quote(str(answer["quote_id"])), self.books or "")
        return answer  # type: ignore[return-value]

    def forget(self, quote_id: str) -> None:
        """Forget a quote, and release what it held."""
        self._ask("DELETE", f"/v1/quotes/{quoted(quote_id, safe='')}")

    def sell(self, body: t.SaleRequest) -> t.SaleView:
        """Book a paid sale, once per `sale_id`; repeats the very same body until there is an answer."""
        return self._book("/v1/sales", body["sale_id"], body, _quote(body.get("quote_id") or ""))  # type: ignore[return-value]

    def give_back(self, body: t.ReturnRequest) -> t.ReturnView:
        """Goods back; `"preview": True` books nothing."""
        return self._book("/v1/returns", body["return_id"], body)  # type: ignore[return-value]

    def void(self, sale_id: str, body: t.VoidRequest) -> t.VoidView:
        """Take a whole sale back."""
        path = f"/v1/sales/{quoted(sale_id, safe='')}/void"
        return self._book(path, body["void_id"], body)  # type: ignore[return-value]

    def print(self, body: t.PrintRequest) -> t.PrintJobView:
        """A page on paper, once per `print_id`."""
        return self._book("/v1/print-jobs", body["print_id"], body)  # type: ignore[return-value]

    def drawer(self, body: t.DrawerRequest) -> t.PrintJobView:
        """Open the drawer, once per `drawer_id`."""
        return self._book("/v1/drawer/open", body["drawer_id"], body)  # type: ignore[return-value]

    def resend(self) -> list[dict[str, Any]]:
        """Repeat what an earlier run of this POS was never answered; the answers. Raises as the calls do.

        What is Waiting goes on waiting, and practice whose training has ended is forgotten: neither is an error.
        """
        answers = []
        for body in self._kept.waiting():
            with contextlib.suppress(Waiting, OtherBooks):
                answers.append(self._until_answered(body))
        return answers

    def events(self) -> Iterator[Event]:
        """What happens, for ever: reconnects by itself and goes on behind the last event that was given out."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                yield from self._stream()
            self._pause(FIRST_PAUSE_S)

    def _stream(self) -> Iterator[Event]:
        headers = self._headers()
        if self.last_event_id is not None:
            headers["Last-Event-ID"] = str(self.last_event_id)
        timeout = httpx.Timeout(10, read=_ALIVE_S)
        with self._http.stream("GET", "/v1/events", headers=headers, timeout=timeout) as answer:
            if answer.status_code in (401, 403):
                raise Refused(answer.status_code, problem_of(answer.read()))
            number, kind = None, ""
            for line in answer.iter_lines() if answer.status_code == 200 else ():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = int(value)
                elif name == "event":
                    kind = value
                elif name == "data":
                    yield Event(number, kind, json.loads(value))
                    self._mark(number)
                    number, kind = None, ""
                elif not line:  # A frame without data: the stream says where it stands.
                    self._mark(number)
                    number = None

    def _mark(self, number: int | None) -> None:
        """Only after the POS has taken the event: what it was doing when it died comes again."""
        if number is not None:
            self.last_event_id = number
            self._kept.mark(number)

    def _book(self, path: str, call_id: str, body: Any, quote: str = "") -> dict[str, Any]:
        """ORDER: the body is on this POS's disk, with the books it is meant for, before the till hears of it."""
        name = f"{path.rpartition('/')[2]}-{quoted(call_id, safe='')}"
        meant = self._kept.books(name) or self._kept.books(quote) or self.books or ""
        kept = Body("" if body.get("preview") else name, path, json.dumps(body, ensure_ascii=False).encode(), meant)
        return self._until_answered(self._kept.put(kept, meant))


def _quote(quote_id: str) -> str:
    """What a quote is noted by: a sale belongs to the books of its quote."""
    return f"quote-{quoted(quote_id, safe='')}"
