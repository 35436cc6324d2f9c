"""Small in-memory fakes around an Identifier, and codes signed as HQ signs them."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.books_ports import Books
from agent.domain import dynamic_code
from agent.domain.errors import Refusal
from agent.domain.member import Identification, Member
from agent.domain.pricing import Item
from agent.domain.scan import CodeKind, RawScan
from agent.identify import Identifier
from agent.identify_asked import AskedIdentifier
from agent.phone_lookup import MembersById, PhoneDesk, PhoneLookup
from agent.ports import KeyRing
from agent.replica_ports import FoundMember, Members, MerchantScope, Pricebook
from agent.wording import SENTENCES
from tests.unit.wechat_samples import (
    MCH,
    SUB_MCH,
)

NOW_S = 1_790_000_000
PAY_CODE = "134650061098828009"
HQ_KEY = Ed25519PrivateKey.generate()


def member(member_id: str = "mbr_1", brand_id: str = "b1", points: int = 100) -> FoundMember:
    return FoundMember(Member(member_id, brand_id, "gold", points, "138****8000"), {"e1": 5})


class FakeClock:
    def __init__(self) -> None:
        self.ms = NOW_S * 1000
        self.mono = 50.0

    def now_ms(self) -> int:
        return self.ms

    def mono_s(self) -> float:
        return self.mono

    def passes(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)
        self.mono += seconds


class FakeEntropy:
    def __init__(self) -> None:
        self.count = 0

    def token(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size)

    def uniform(self, low: float, high: float) -> float:
        return low


class FakeKeyRing:
    def verify_hq(self, signature: bytes, message: bytes) -> bool:
        try:
            HQ_KEY.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True


class FakeReplica:
    def __init__(self) -> None:
        self.codes: dict[str, FoundMember] = {}
        self.openids: dict[tuple[str, str], FoundMember] = {}
        self.ids: dict[str, FoundMember] = {}
        self.merchants = {(MCH, SUB_MCH): MerchantScope("b1", frozenset({"S1", "S2"}))}
        self.items: set[str] = set()

    async def by_code(self, code: str) -> FoundMember | None:
        return self.codes.get(code)

    async def by_id(self, member_id: str) -> FoundMember | None:
        return self.ids.get(member_id)

    async def by_openid(self, appid: str, openid: str) -> FoundMember | None:
        return self.openids.get((appid, openid))

    async def merchant(self, mch_id: str, sub_mch_id: str) -> MerchantScope | None:
        return self.merchants.get((mch_id, sub_mch_id))

    async def item(self, code: str) -> Item | None:
        return Item(code, "水", 200) if code in self.items else None


class FakeBooks:
    def __init__(self) -> None:
        self.used: set[str] = set()
        self.payers: list[tuple[str, list[tuple[str, str]]]] = []
        self.rows: dict[tuple[str, str], list[tuple[str, int, int]]] = {}

    async def is_used(self, *, transaction_id: str | None = None, nonce: str | None = None) -> bool:
        await asyncio.sleep(0)  # a real one waits for the writer thread, and others run meanwhile
        return transaction_id in self.used or nonce in self.used

    async def payer_ref(self, brand_id: str, pairs: Sequence[tuple[str, str]]) -> str:
        self.payers.append((brand_id, list(pairs)))
        return "pyr_1"

    async def postings(self, account: str, owner: str) -> list[tuple[str, int, int]]:
        return self.rows.get((account, owner), [])


class World:
    def __init__(self) -> None:
        self.clock, self.replica, self.books = FakeClock(), FakeReplica(), FakeBooks()
        self.identifier = self.started()

    def started(self) -> Identifier:
        return Identifier(
            cast("Members", self.replica),
            cast("Books", self.books),
            cast("KeyRing", FakeKeyRing()),
            self.clock,
            FakeEntropy(),
            pricebook=cast("Pricebook", self.replica),
            brand_id="b1",
            store_id="S1",
        )

    def asked(self, hq: PhoneDesk | None = None) -> AskedIdentifier:
        phones = PhoneLookup(hq or cast("PhoneDesk", None), cast("MembersById", self.replica))
        return AskedIdentifier(self.identifier, None, phones, None)

    def classify(self, text: str, symbology: str | None = None) -> CodeKind:
        return asyncio.run(self.identifier.classify(RawScan(text, symbology, "gun", 1.0))).kind

    def by_code(self, text: str) -> Identification:
        return asyncio.run(self.identifier.by_code(text))

    def by_wechat(self, raw: str) -> Identification:
        return asyncio.run(self.identifier.by_wechat(raw))

    def refuses(self, text: str, *, code: str, status: int, wechat: bool = False) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.by_wechat(text) if wechat else self.by_code(text)
        refusal = caught.value
        assert (refusal.code, refusal.status) == (code, status)
        assert refusal.hint
        assert code in SENTENCES
        assert text.strip() not in repr(refusal)
        assert text.strip() not in repr(vars(refusal))
        return refusal


def code_text(
    *, number: str = "100000000001", at_s: int = NOW_S, nonce: str = "N" * 16, brand: str = "b1", key: Any = HQ_KEY
) -> str:
    return dynamic_code.compose(
        brand, number, at_s, nonce, key.sign(dynamic_code.signing_bytes(brand, number, at_s, nonce))
    )
