"""Golden wire files: what today's code writes is, byte for byte, what deployed peers read (tests/cases/wire).

To make them anew after an intended change: delete the files and run this test once with WRITE_GOLDEN=1.
"""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.domain.digest import canonical, event_digest, extend, genesis
from agent.domain.verified import signing_bytes
from sync.claim_protocol import ClaimAnswer, ClaimRequest, WechatIdentity
from sync.lease_protocol import (
    HeldLease,
    LeaseAnswer,
    LeaseGrant,
    LeasePage,
    LeaseRequest,
    LeaseShort,
    LeaseWant,
)
from sync.message import Message
from sync.payer_protocol import PayerAnswer, PayerRequest
from sync.phone_protocol import PhoneAnswer, PhoneRequest
from sync.proof import (
    Finding,
    ProofAnswer,
    ProofRequest,
    ProofRide,
    Seal,
    proof_signing_bytes,
    seal_signing_bytes,
    suspended_hash,
)
from sync.protocol import (
    Batch,
    BatchAnswer,
    CardRow,
    CouponRow,
    Feed,
    FeedPage,
    ItemRow,
    LookAnswer,
    LookRequest,
    MemberRow,
    PayerIdentity,
    Verdict,
    VerdictKind,
    WireEvent,
    batch_signing_bytes,
)
from sync.verify_protocol import VerifyAnswer, VerifyRequest

FOLDER = Path(__file__).parent.parent / "cases" / "wire"
STORE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HQ = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
WHO, EPOCH, AT_MS = "S001-1", "ep_aaaaaaaaaaaaaaaa", 1_795_291_846_453
BODY = canonical(
    {
        "v": 1, "kind": "sale", "workstation_id": WHO, "epoch": EPOCH, "seq": 1, "sale_id": "A1",
        "business_day": "2026-11-22", "lines": [{"name": "汉源大樱桃", "qty": 1}], "totals": {"payable_fen": 3990},
        "postings": [{"account": "points", "amount": 39, "owner": "m_1"}], "tenders": [],
    }
).decode()  # fmt: skip
HEAD = extend(genesis(WHO, EPOCH), event_digest(BODY.encode())).hex()


def _sign(key: Ed25519PrivateKey, message: bytes) -> str:
    return base64.b64encode(key.sign(message)).decode()


def _seal() -> Seal:
    seal = Seal(
        workstation_id=WHO, number=1, epoch=EPOCH, first=1, last=1, head=HEAD, hour="2026-11-22T04:00+08:00",
        at_ms=AT_MS, totals=[("2026-11-22", "sale", "ok", 1, 3990, 39)], suspended=suspended_hash([]), signature="",
    )  # fmt: skip
    return seal.model_copy(update={"signature": _sign(HQ, seal_signing_bytes(seal))})


def _proof() -> ProofAnswer:
    return ProofAnswer(
        epoch=EPOCH, count=1, head=HEAD, equal=True, missing=[], suspended=0, at_ms=AT_MS, held=1,
        signature=_sign(HQ, proof_signing_bytes(WHO, EPOCH, 1, HEAD, True, AT_MS)), seals=[_seal()],
        findings=[Finding(side="hq", table="accounts", epoch="", key="m_1 points", code="DOES_NOT_FOLLOW")],
    )  # fmt: skip


_LEASE: dict[str, Any] = {
    "lease_id": "ls_1.1", "epoch": EPOCH, "member_id": "m_1", "account": "points", "bucket": "opening",
    "expires": "2027-12-31", "amount": 40, "usable_until_ms": AT_MS,
}  # fmt: skip
GOLDEN: dict[str, Message] = {
    "batch": Batch(
        epoch=EPOCH, first=1, last=1, head=HEAD, signature=_sign(STORE, batch_signing_bytes(WHO, EPOCH, 1, 1, HEAD)),
        events=[WireEvent(seq=1, body=BODY, chain=HEAD)], proof=ProofRide(after=0),
        payers=[PayerIdentity(payer_ref="pay_a", brand_id="shuguo", pairs=[("wxapp", "openid")])],
    ),
    "answer": BatchAnswer(
        watermark=1, gaps=[(3, 4)], verdicts=[Verdict(seq=1, verdict=VerdictKind.CREATED)], proof=_proof()
    ),
    "proof_request": ProofRequest(epoch=EPOCH, after=0, count=1, head=HEAD, seals=[_seal()]),
    "proof": _proof(),
    "seal": _seal(),
    "offers_page": FeedPage(
        feed=Feed.COUPONS, cursor=9, more=True,
        rows=[CouponRow(
            coupon_id="c_1", member_id="m_1", batch_id="cp5", version=2, state="issued", start_day="2026-11-01",
            end_day="2026-12-31", claimed_at_ms=AT_MS, body='{"off_fen":500,"type":"amount_off"}',
        ), MemberRow(
            member_id="m_1", tier_id="gold", points=5, masked="*", sv_principal_fen=10000, sv_gift_fen=2050,
            cards=[CardRow(card_id="k1", name="咖啡", left=8, total=10, price_fen=18000, expires="2027-01-31")],
            expiring_points=7, expiring_day="2026-12-31", month="2026-11", month_spend_fen=52010, birthday="02-29",
            growth=812, next_tier_id="top", next_tier_growth=1000, first_order=True, frozen=True, frozen_at_ms=AT_MS,
        ), ItemRow(sku="10002", barcode="", name="芒果", list_fen=2590, min_fen=2000, market_fen=2600)],
    ),
    "feed_page": FeedPage(
        feed=Feed.MEMBERS, cursor=4, more=False, watermarks={EPOCH: 1},
        rows=[MemberRow(member_id="m_1", tier_id="gold", points=1294, masked="138****8000"), ItemRow(
            sku="10001", barcode="6901028000017", name="猕猴桃", list_fen=1980)],
    ),
    "look_request": LookRequest(cursors={"rules": 1, "items": 12, "coupons": 0}),
    "look_answer": LookAnswer(moved=[Feed.ITEMS, Feed.MEMBERS], recalls=["ls_1.1"], report="rs_1"),
    "look_answer_idle": LookAnswer(moved=[]),
    "lease_request": LeaseRequest(
        request_id="lr_1", epoch=EPOCH, last=1, member_id="m_1",
        wants=[LeaseWant(account="points", amount=60), LeaseWant(account="count", amount="all", bucket="card-1")],
    ),
    "lease_answer": LeaseAnswer(
        leases=[LeaseGrant(**_LEASE)], short=[LeaseShort(account="points", bucket="", wanted=60, granted=40)]
    ),
    "claim_request": ClaimRequest(
        request_id="wx-1", claim="8Jc1mX0vT2uYb9Rk4LqPZw", member_code="100000000001",
        identities=[WechatIdentity(appid="wx5f1d2c0de5a7e001", openid="o7Qx")],
    ),
    "claim_answer": ClaimAnswer(
        request_id="wx-1", member_id="m_1", member_number="402918846025", is_new=True, state="credited", code="",
        points=39, pack_points=10, coupon_id="c_1",
    ),
    "payer_request": PayerRequest(
        auth_code="134650061098828009", mch_id="1900000109", sub_mch_id="1900000100"
    ),
    "payer_answer": PayerAnswer(member_id="m_1", mch_id="1900000109", sub_mch_id="1900000100"),
    "phone_request": PhoneRequest(phone="13812348000"),
    "phone_answer": PhoneAnswer(member_id="m_1"),
    "verify_request": VerifyRequest(member_id="m_1", pin="482913"),
    "verify_answer": VerifyAnswer(
        how="pin", at_s=AT_MS // 1000, nonce="AAECAwQFBgcICQoL",
        signature=_sign(HQ, signing_bytes(WHO, "shuguo", "m_1", "pin", AT_MS // 1000, "AAECAwQFBgcICQoL")),
    ),
    "lease_page": LeasePage(
        leases=[HeldLease(**_LEASE, settled=25, opened=True, wanted=True)], more=False, watermarks={EPOCH: 1}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_messages_are_read_and_written_byte_for_byte(name: str) -> None:
    path = FOLDER / f"{name}.json"
    written = GOLDEN[name].model_dump_json().encode()
    if os.environ.get("WRITE_GOLDEN") and not path.exists():
        path.write_bytes(written)
    golden = path.read_bytes()
    assert written == golden
    read = type(GOLDEN[name]).model_validate_json(golden)
    assert read == GOLDEN[name]
    assert read.model_dump_json().encode() == golden


def test_every_golden_file_has_its_message() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(GOLDEN)
