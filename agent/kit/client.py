"""The till's API for a POS written in Python: one class, one dependency (httpx), nothing else of this project.

A vendor copies this file (and till_types.py for the types). What books is kept and repeated with the very same bytes
until the till has answered: no answer, 5xx, 429 and IN_FLIGHT say nothing about whether it was booked.

    TillError
    +-- Refused    the till said no: code, detail (a sentence for the cashier), hint, field
    +-- NoAnswer   nobody knows whether it was booked: `resend` repeats it, also after a restart of the POS
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as quoted

import httpx

if TYPE_CHECKING:
    from agent.kit import till_types as t

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_ALIVE_S = 45.0  # LIMIT: the till sends a comment every 15 s; three missed mean that the line is dead
_AGAIN = frozenset({429})


class TillError(Exception):
    """Base of what can go wrong."""


class Refused(TillError):
    """The till said no. Show `detail` to the cashier; `code` is stable."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.problem = status, problem
        self.code, self.detail = str(problem.get("code", "")), str(problem.get("detail", ""))
        self.hint, self.field = str(problem.get("hint", "")), problem.get("field")
        super().__init__(f"{status} {self.code}: {self.detail}")


class NoAnswer(TillError):
    """The till did not answer. What books was kept, where a folder was given: `resend`."""


@dataclass(frozen=True)
class Event:
    """One event of the stream; `id` is None for what is never replayed."""

    id: int | None
    kind: str
    data: dict[str, Any]


class PosAgent:
    """One POS at one till. Not for several threads at once, but for `events`, which may have one of its own."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8787",
        token: str = "",
        *,
        keep: Path | None = None,
        timeout_s: float = 10,
        patience_s: float = 120,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """`keep`: a folder of this POS alone for bodies without an answer; `patience_s`: how long one call repeats."""
        self.token, self.last_event_id = token, None if keep is None else _last_event(keep)
        self._http = httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False)
        self._keep, self._patience_s = keep, patience_s
        self._pause = pause or threading.Event().wait

    def __enter__(self) -> PosAgent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._http.close()

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

    def resolve(self, body: t.ResolveRequest) -> t.IdentificationView:
        """Who is it: `{"code": ...}`, `{"auth_code": ...}` or `{"last_scan": True}`."""
        return self._ask("POST", "/v1/members/resolve", body)  # type: ignore[return-value]

    def payment(self, raw: str) -> t.IdentificationView:
        """Who paid: the exact text WeChat returned, unchanged."""
        return self._ask("POST", "/v1/payments/wechat", {"raw": raw})  # type: ignore[return-value]

    def quote(self, body: t.QuoteRequest) -> t.QuoteView:
        """What it costs; charge `due_fen`, nothing else."""
        return self._ask("POST", "/v1/quotes", body)  # type: ignore[return-value]

    def forget(self, quote_id: str) -> None:
        """Forget a quote, and release what it held."""
        self._ask("DELETE", f"/v1/quotes/{quoted(quote_id, safe='')}")

    def sell(self, body: t.SaleRequest) -> t.SaleView:
        """Book a paid sale, once per `sale_id`; repeats the very same body until there is an answer."""
        return self._book("/v1/sales", body["sale_id"], body)  # type: ignore[return-value]

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
        """Repeat what an earlier run of this POS was never answered; the answers. Raises as the calls do."""
        answers = []
        for file in sorted(self._keep.glob("*.body")) if self._keep is not None else ():
            path, _, body = file.read_bytes().partition(b"\n")
            answers.append(self._until_answered(path.decode(), body, file))
        return answers

    def events(self) -> Iterator[Event]:
        """What happens, for ever: reconnects by itself and goes on behind the last event that was given out."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                yield from self._stream()
            self._pause(_FIRST_PAUSE_S)

    def _stream(self) -> Iterator[Event]:
        headers = self._headers()
        if self.last_event_id is not None:
            headers["Last-Event-ID"] = str(self.last_event_id)
        timeout = httpx.Timeout(10, read=_ALIVE_S)
        with self._http.stream("GET", "/v1/events", headers=headers, timeout=timeout) as answer:
            if answer.status_code in (401, 403):
                raise Refused(answer.status_code, _problem(answer.read()))
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
            if self._keep is not None:
                _write(self._keep / "last-event", str(number).encode())

    def _book(self, path: str, name: str, body: Any) -> dict[str, Any]:
        """ORDER: the body is on this POS's disk before the till hears of it."""
        raw = json.dumps(body, ensure_ascii=False).encode()
        file = None
        if self._keep is not None and not body.get("preview"):
            kind = path.rpartition("/")[2]
            file = self._keep / f"{kind}-{quoted(name, safe='')}.body"
            _write(file, path.encode() + b"\n" + raw)
        return self._until_answered(path, raw, file)

    def _until_answered(self, path: str, raw: bytes, file: Path | None) -> dict[str, Any]:
        pause_s, waited_s, asked_s = _FIRST_PAUSE_S, 0.0, 0.0
        while True:
            try:
                answer = self._http.post(path, content=raw, headers=self._headers())
                refusal = None if answer.status_code < 400 else Refused(answer.status_code, _problem(answer.content))
                if refusal is None or not _unknown(refusal):
                    if file is not None:
                        file.unlink(missing_ok=True)
                    if refusal is not None:
                        raise refusal
                    return dict(answer.json())
                asked_s = _seconds(answer.headers.get("Retry-After", ""))
            except (httpx.TransportError, ValueError):
                refusal, asked_s = None, 0.0
            if waited_s >= self._patience_s:
                raise refusal or NoAnswer(f"{path}: no answer; repeat the very same body later")
            self._pause(max(pause_s, asked_s))
            waited_s += max(pause_s, asked_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        try:
            content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
            answer = self._http.request(method, path, content=content, headers=self._headers())
            if answer.status_code < 400:
                return dict(answer.json()) if answer.content else {}
        except (httpx.TransportError, ValueError) as error:
            raise NoAnswer(f"{path}: {type(error).__name__}") from error
        raise Refused(answer.status_code, _problem(answer.content))

    def _headers(self) -> dict[str, str]:
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Content-Type": "application/json", **authorization}


def _unknown(refusal: Refused) -> bool:
    return refusal.status >= 500 or refusal.status in _AGAIN or refusal.code == "IN_FLIGHT"


def _seconds(text: str) -> float:
    return float(text) if text.isdigit() else 0.0


def _problem(content: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError):
        return {"code": "", "detail": "", "hint": "not an answer of the till"}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)


def _last_event(keep: Path) -> int | None:
    try:
        return int((keep / "last-event").read_bytes())
    except (OSError, ValueError):
        return None
