"""Golden wire files: what today's code writes is, byte for byte, what deployed peers read (tests/cases/wire).

To make them anew after an intended change: delete the files and run this test once with WRITE_GOLDEN=1.
"""

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.domain.digest import canonical, event_digest, extend, genesis
from sync.message import Message
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
    Feed,
    FeedPage,
    ItemRow,
    MemberRow,
    PayerIdentity,
    Verdict,
    VerdictKind,
    WireEvent,
    batch_signing_bytes,
)

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
    "feed_page": FeedPage(
        feed=Feed.MEMBERS, cursor=4, more=False, watermarks={EPOCH: 1},
        rows=[MemberRow(member_id="m_1", tier_id="gold", points=1294, masked="138****8000"), ItemRow(
            sku="10001", barcode="6901028000017", name="猕猴桃", list_fen=1980)],
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
