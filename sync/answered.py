"""What the till does with HQ's answer to a proof before it believes it: the signature, and the seals that ride on it.

Called by sync.reconcile.
"""

import base64

from agent.domain.errors import HqRejected
from agent.ports import KeyRing
from agent.proof_ports import ProofBooks, Unit
from sync.proof import Finding, ProofAnswer, Seal, proof_signing_bytes


def check_signature(keys: KeyRing, workstation_id: str, answer: ProofAnswer, epoch: str) -> None:
    """Raise HqRejected unless our own HQ signed this answer for this workstation and epoch."""
    message = proof_signing_bytes(workstation_id, answer.epoch, answer.count, answer.head, answer.equal, answer.at_ms)
    try:
        signature = base64.b64decode(answer.signature, validate=True)
    except ValueError:
        signature = b""
    if answer.epoch != epoch or not keys.verify_hq(signature, message):
        raise HqRejected("the proof is not signed by our HQ", status=0, hint="is this the HQ we enrolled at?")


async def take_seals(books: ProofBooks, unit: Unit, answer: ProofAnswer) -> list[Finding]:
    """Keep HQ's seals that fit our own chain; name those that do not, and those that were missing here."""
    good: list[Seal] = []
    found: list[Finding] = []
    for seal in answer.seals:
        head = unit.head if seal.last == unit.count else await books.chain_at(unit.epoch, seal.last)
        if seal.epoch == unit.epoch and books.is_hqs(seal) and head == seal.head:
            good.append(seal)
            if seal.last <= answer.sealed:  # sealed before this proof: its answer was lost, or the row here
                found.append(
                    Finding(
                        side="store", table="seals", epoch=unit.epoch, key=str(seal.last), code="MISSING",
                        detail="HQ gave it again", heals=True,
                    )
                )  # fmt: skip
        elif seal.last <= unit.count:
            key, code = str(seal.last), "NOT_OUR_CHAIN"
            found.append(Finding(side="hq", table="seals", epoch=unit.epoch, key=key, code=code))
    if good:
        await books.keep_seals(good)
    return found
