"""What schemathesis loads beside the document: tokens, values that lead into the shop, one check more. Its own process.

The file named by TILL_FUZZ holds `tokens`, used in turn so that no one of them is slowed down; `spare`, one for each
call that ends its token; and `known`, by field: what this till knows. In two of three cases that should be accepted
known values take the place of made-up ones, ids are fresh and tenders add up, so that the books are reached.
"""

import itertools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import GenerationMode

_TILL = json.loads(Path(os.environ["TILL_FUZZ"]).read_text(encoding="utf-8"))
_tokens, _spare = itertools.cycle(_TILL["tokens"]), iter(_TILL["spare"])
_known = {field: itertools.cycle(values) for field, values in _TILL["known"].items()}
_turn = itertools.count()
_ENDS_ITS_TOKEN = ("DELETE", "/v1/session")
_OWN_IDS = {"return_id", "void_id", "recharge_id", "cancel_id", "card_sale_id", "use_id", "refund_id", "print_id",
            "drawer_id"}  # fmt: skip
_CARD_FEN = 12_000


@schemathesis.auth(refresh_interval=None)
class Tokens:
    """A token of every scope in each call."""

    def get(self, case: Any, _: Any) -> str:
        """Choose one."""
        return str(next(_spare if (case.method, case.path) == _ENDS_ITS_TOKEN else _tokens))

    def set(self, case: Any, token: str, _: Any) -> None:
        """Send it."""
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


@schemathesis.hook
def before_call(_: Any, case: Any, _kwargs: Any) -> None:
    """Lead a case that should be accepted past the first refusal."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE or next(_turn) % 3 == 2:
        return
    for place in (case.path_parameters, case.body):
        if isinstance(place, dict):
            _lead(place, case.path)
    settle = _SETTLED.get(case.path)
    if settle is not None and isinstance(case.body, dict):
        settle(case.body)


def _lead(place: dict[str, Any], path: str) -> None:
    for field, value in place.items():
        if isinstance(value, str) and (field in _OWN_IDS or (field, path) == ("sale_id", "/v1/sales")):
            place[field] = f"fuzz-{next(_turn)}"
        elif isinstance(value, str) and field in _known:
            place[field] = next(_known[field])
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    _lead(one, path)


def _resolve(body: dict[str, Any]) -> None:
    body.clear()
    body["code"] = next(_known["code"])


def _verify(body: dict[str, Any]) -> None:
    body.pop("sms_code", None)
    body["pin"] = next(_known["pin"])


def _return(body: dict[str, Any]) -> None:
    body["lines"] = [{"line": 1, "qty": 1}]


def _sale(body: dict[str, Any]) -> None:
    body["total_fen"] = sum(one["amount_fen"] for one in body["tenders"])
    body.pop("quote_id", None)
    body["lines"] = body.get("lines") or [{"code": "10001"}]


def _recharge(body: dict[str, Any]) -> None:
    body["tenders"] = [{"type": "cash", "amount_fen": body["amount_fen"]}]


def _card(body: dict[str, Any]) -> None:
    body["tenders"] = [{"type": "cash", "amount_fen": _CARD_FEN}]


_SETTLED: dict[str, Callable[[dict[str, Any]], None]] = {
    "/v1/sales": _sale, "/v1/recharges": _recharge, "/v1/count-cards": _card, "/v1/members/resolve": _resolve,
    "/v1/returns": _return, "/v1/members/verify": _verify,
}  # fmt: skip


@schemathesis.check
def documented(_: Any, response: Any, case: Any) -> None:
    """The document tells of this status, and of this code under it; `default` holds what any call may meet."""
    told = case.operation.definition.raw["responses"]
    status = str(response.status_code)
    if response.status_code < 400:
        assert status in told, f"{status} is not documented"
        return
    code = response.json()["code"]
    said = " ".join(told[one]["description"] for one in (status, "default") if one in told)
    names = re.findall(r"[A-Z][A-Z0-9_]+\*?", said)
    assert any(code == name or (name[-1] == "*" and code.startswith(name[:-1])) for name in names), (
        f"{status} {code} is not documented"
    )
