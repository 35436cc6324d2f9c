"""A small world for HQ's tests: one brand, one store, workstations that build honest (or dishonest) batches."""

import base64
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.domain.digest import canonical, event_digest, extend, genesis
from agent.system import SystemEntropy
from sync.hq.db.address import Address
from sync.hq.main import open_hq
from sync.hq.service import HqService
from sync.protocol import (
    Batch,
    EnrolAnswer,
    EnrolRequest,
    PayerIdentity,
    WireEvent,
    authorization,
    batch_signing_bytes,
    request_signing_bytes,
)

NOW_MS = 1_790_000_000_000
BRAND, STORE = "tea", "S1"
RULES: dict[str, Any] = {
    "version": 1,
    "join_tier_id": "plain",
    "tiers": [
        {"tier_id": "plain", "name": "普通", "pay_rate_bps": 10_000, "earn_mult_x100": 100},
        {"tier_id": "gold", "name": "金", "pay_rate_bps": 8_500, "earn_mult_x100": 200},
    ],
}


@dataclass
class HandClock:
    """A clock the test moves by hand."""

    at_ms: int = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

    def mono_s(self) -> float:
        return self.at_ms / 1000


@dataclass
class Till:
    """One workstation: its key, its epoch, the events it has booked."""

    workstation_id: str = "S1-1"
    store_id: str = STORE
    brand_id: str = BRAND
    epoch: str = "e1"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    events: list[WireEvent] = field(default_factory=list)
    head: bytes = b""

    def __post_init__(self) -> None:
        self.head = genesis(self.workstation_id, self.epoch)

    @property
    def public_key(self) -> str:
        return base64.b64encode(self.key.public_key().public_bytes_raw()).decode()

    def new_epoch(self, epoch: str) -> None:
        self.epoch, self.events, self.head = epoch, [], genesis(self.workstation_id, epoch)

    def body(self, **changes: Any) -> dict[str, Any]:
        """The sale this till would book next."""
        seq = len(self.events) + 1
        points, member = changes.pop("points", 0), changes.pop("member", None)
        payable = changes.pop("payable_fen", 1280)
        transaction_id = changes.pop("transaction_id", None)
        body: dict[str, Any] = {
            "v": 1,
            "kind": "sale",
            "workstation_id": self.workstation_id,
            "store_id": self.store_id,
            "brand_id": self.brand_id,
            "epoch": self.epoch,
            "seq": seq,
            "at_ms": NOW_MS,
            "business_day": "2026-09-21",
            "sale_id": f"sale-{seq}",
            "member": None,
            "payer_ref": None,
            "lines": [{"line": 1, "sku": "A", "qty": 1, "paid_fen": payable, "name": "乌龙茶"}],
            "tenders": [
                {
                    "type": "wechat" if transaction_id else "cash",
                    "amount_fen": payable,
                    "transaction_id": transaction_id,
                }
            ],
            "totals": {"list_fen": payable, "payable_fen": payable, "points_earned": points},
            "postings": [{"account": "points", "owner": member, "amount": points}] if member else [],
            "claim_sha256": None,
            "discrepancies": [],
        }
        return body | changes

    def body_text(self, **changes: Any) -> str:
        """The next sale as canonical text."""
        return canonical(self.body(**changes)).decode()

    def book(self, text: str | None = None, **changes: Any) -> WireEvent:
        """Book the next event, given as text or as changes of an ordinary sale."""
        text = self.body_text(**changes) if text is None else text
        self.head = extend(self.head, event_digest(text.encode()))
        event = WireEvent(seq=len(self.events) + 1, body=text, chain=self.head.hex())
        self.events.append(event)
        return event

    def batch(
        self,
        events: Sequence[WireEvent] | None = None,
        *,
        head: str | None = None,
        payers: Sequence[PayerIdentity] = (),
    ) -> Batch:
        """Sign a batch of `events`, or of all; `head` signs (and names) another head."""
        chosen = list(self.events if events is None else events)
        first, last, head = chosen[0].seq, chosen[-1].seq, head or chosen[-1].chain
        signature = self.key.sign(batch_signing_bytes(self.workstation_id, self.epoch, first, last, head))
        return Batch(
            epoch=self.epoch,
            first=first,
            last=last,
            head=head,
            signature=base64.b64encode(signature).decode(),
            events=chosen,
            payers=list(payers),
        )

    def request(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        sign_as: str | None = None,
        signer: Callable[[bytes], bytes] | None = None,
    ) -> httpx.Request:
        """Make one signed HTTP request."""
        request = client.build_request(method, path, content=body or None)
        message = request_signing_bytes(method, request.url.raw_path.decode(), body)
        signature = (signer or self.key.sign)(message)
        request.headers["Authorization"] = authorization(sign_as or self.workstation_id, signature)
        return request


class Databases:
    """Where worlds keep their books: a file of their own, unless a test names a server (tests.contract)."""

    of: Callable[[Path], Address | None] = staticmethod(lambda _folder: None)
    back_up: Callable[[Path], object] = staticmethod(lambda folder: shutil.copy2(folder / "hq.db", folder / "copy"))
    """Copy the books of a closed HQ; one copy is kept."""
    put_back: Callable[[Path], object] = staticmethod(lambda folder: shutil.copy2(folder / "copy", folder / "hq.db"))


async def open_again(path: Path, clock: HandClock | None = None) -> HqService:
    """HQ as it was left."""
    return await open_hq(path, clock or HandClock(), SystemEntropy(), database=Databases.of(path))


async def open_world(path: Path, clock: HandClock | None = None, database: Address | None = None) -> HqService:
    """HQ with brand, store and rules; in `database`, else where Databases says."""
    hq = await open_hq(path, clock or HandClock(), SystemEntropy(), database=database or Databases.of(path))
    await hq.init_brand(BRAND, "茶铺", "https://example.test/join")
    await hq.add_store(BRAND, STORE, "一号店")
    await hq.import_rules(BRAND, RULES)
    return hq


async def enrol(hq: HqService, till: Till) -> EnrolAnswer:
    """Enrol a till."""
    code = await hq.add_workstation(till.store_id, till.workstation_id)
    return await hq.redeem(EnrolRequest(code=code, public_key=till.public_key))


async def import_members(hq: HqService, path: Path, count: int, brand_id: str = BRAND) -> list[str]:
    """Import `count` members without identities but their number; gives their ids in order of number."""
    members_file(path, count)
    report = await hq.import_members(brand_id, path)
    assert report.faults == []
    rows_by_points = await query(hq, "SELECT member_id FROM members ORDER BY opening_points")
    return [row["member_id"] for row in rows_by_points]


def members_file(path: Path, count: int) -> None:
    """Write a members file; points are 0, 1, 2 ... so that they tell the rows apart."""
    rows = "".join(f"{100_000_000_000 + number},plain,{number}\n" for number in range(count))
    path.write_text("member_number,tier_id,points\n" + rows, encoding="utf-8")


async def query(hq: HqService, sql: str, **parameters: object) -> list[dict[str, Any]]:
    """Read HQ's database behind its back."""
    return await hq._read(lambda c: [dict(row) for row in c.execute(sql, parameters).fetchall()])


def text_of(value: object) -> str:
    """JSON that need not be canonical."""
    return json.dumps(value, ensure_ascii=False)
