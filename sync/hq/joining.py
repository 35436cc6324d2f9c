"""Joining by a receipt: find or make the member, bind who they are, settle the claim, give the new-member pack.

Called by sync.hq.service inside one transaction; idempotent by request. Joining stands whatever becomes of the claim
(S07, S08, S09: no more is asked than what WeChat authorises).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.digest import canonical
from agent.domain.errors import Refusal
from agent.domain.rules import RuleSet, rule_set
from agent.ports import Entropy
from sync.claim_protocol import ClaimAnswer, ClaimRequest
from sync.hq import claims, packs
from sync.hq.bounds import PARKED_CLAIMS
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import hold_brand
from sync.hq.keys import HqKeys
from sync.hq.member_csv import Kind, MemberEntry
from sync.hq.member_write import MemberTable
from sync.protocol import identity_index

_NUMBER_DIGITS = 12
_NUMBER_BYTES = 8
_TRIES = 5  # LIMIT: 10**12 numbers; two in a row that are taken is a mistake of ours


@dataclass(slots=True)
class Joining:
    """One request on its way; lives inside one transaction."""

    connection: Connection
    keys: HqKeys
    entropy: Entropy
    brand_id: str
    ask: ClaimRequest
    now_ms: int

    def run(self) -> ClaimAnswer:
        """Join and settle. Refusal CONFLICT (409), MEMBER_UNKNOWN (404), IDENTITY_CLASH (409), NO_RULES (409),
        CLAIMS_TOO_MANY (429).
        """
        hold_brand(self.connection, self.brand_id)  # ORDER: before anybody is looked up: nobody joins twice
        table = MemberTable.of(self.connection, self.keys, self.entropy, self.brand_id)
        sha256 = hashlib.sha256(self.ask.claim.encode()).hexdigest()
        asked = self._asked(table, sha256)
        earlier = self._earlier()
        if earlier is not None:
            if earlier["asked"] != asked:
                why = "this request id was used for another request"
                raise Refusal("CONFLICT", why, hint="make a new one", field="request_id", status=409)
            return self._answer(earlier)
        rules = self._rules()
        pairs: list[tuple[Kind, str]] = [("wx", f"{one.appid}:{one.openid}") for one in self.ask.identities]
        member_id = self._known(table, pairs)
        is_new = member_id is None
        if member_id is None:
            member_id = self._make(table, rules, pairs)
        else:
            table.bind(self.connection, member_id, pairs)
        self._require_room(member_id)
        done = claims.settle(self.connection, self.brand_id, sha256, member_id, self.now_ms, self.now_ms)
        pack_points, coupon_id = 0, ""
        if is_new:
            pack_points, coupon_id = packs.give(
                self.connection, self.keys, self.brand_id, rules, member_id, self.now_ms
            )  # fmt: skip
        self.connection.execute(
            "INSERT INTO claim_joins (brand_id, request_id, asked, sha256, member_id, is_new, at_ms, state, code,"
            " points, pack_points, coupon_id) VALUES (:brand_id, :request_id, :asked, :sha256, :member_id, :is_new,"
            " :at_ms, :state, :code, :points, :pack_points, :coupon_id)",
            {
                "brand_id": self.brand_id, "request_id": self.ask.request_id, "asked": asked, "sha256": sha256,
                "member_id": member_id, "is_new": int(is_new), "at_ms": self.now_ms, "state": done.state,
                "code": done.code, "points": done.points, "pack_points": pack_points, "coupon_id": coupon_id,
            },
        )  # fmt: skip
        row = self._earlier()
        assert row is not None, "it was inserted just now"
        return self._answer(row)

    def _earlier(self) -> Row | None:
        row: Row | None = self.connection.execute(
            "SELECT * FROM claim_joins WHERE brand_id = :brand_id AND request_id = :request_id",
            {"brand_id": self.brand_id, "request_id": self.ask.request_id},
        ).fetchone()
        return row

    def _asked(self, table: MemberTable, sha256: str) -> bytes:
        """What the request says, as a hash from which nobody reads an identity."""
        indexes: list[str] = sorted(
            identity_index(table.index_key, "wx", f"{one.appid}:{one.openid}").hex() for one in self.ask.identities
        )
        code = identity_index(table.index_key, "code", self.ask.member_code).hex() if self.ask.member_code else ""
        return hashlib.sha256(canonical([sha256, *indexes, code])).digest()

    def _rules(self) -> RuleSet:
        row = self.connection.execute(
            "SELECT body FROM rule_sets WHERE brand_id = :brand_id ORDER BY version DESC LIMIT 1",
            {"brand_id": self.brand_id},
        ).fetchone()
        if row is None:
            raise Refusal("NO_RULES", "this brand has no rules, so nobody can join", status=409)
        return rule_set(json.loads(row["body"]))

    def _known(self, table: MemberTable, pairs: Sequence[tuple[Kind, str]]) -> str | None:
        """The one member that code and identities name; None where they name nobody."""
        named = {table.owner(self.connection, kind, value) for kind, value in pairs} - {None}
        if self.ask.member_code:
            owner = table.owner(self.connection, "code", self.ask.member_code)
            if owner is None:
                raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", field="member_code", status=404)
            named.add(owner)
        if len(named) > 1:
            why = "these identities belong to different members"
            raise Refusal("IDENTITY_CLASH", why, hint="a person must join the two", field="identities", status=409)
        return next(iter(named), None)

    def _make(self, table: MemberTable, rules: RuleSet, pairs: Sequence[tuple[Kind, str]]) -> str:
        """A new member in the tier new members start in (S21), with a number nobody has."""
        for _ in range(_TRIES):
            number = str(int.from_bytes(self.entropy.token(_NUMBER_BYTES), "big") % 10**_NUMBER_DIGITS)
            number = number.zfill(_NUMBER_DIGITS)
            if table.owner(self.connection, "code", number) is None:
                break
        else:
            raise Refusal("IDENTITY_CLASH", "no free member number was found", hint="ask again", status=409)
        entry = MemberEntry(1, number, rules.join_tier_id, 0, "", (("code", number), *pairs), {"first_order": 1})
        table.write(self.connection, [entry])
        member_id = table.owner(self.connection, "code", number)
        assert member_id is not None, "it was written just now"
        return member_id

    def _require_room(self, member_id: str) -> None:
        """A member waits for a few sales of offline stores at most; more are guesses."""
        parked = self.connection.execute(
            "SELECT COUNT(*) FROM claim_joins WHERE member_id = :id AND state = 'parked'", {"id": member_id}
        ).fetchone()[0]
        if parked >= PARKED_CLAIMS:
            raise Refusal("CLAIMS_TOO_MANY", "too many claims of this member wait for their sales", status=429)

    def _number(self, member_id: str) -> str:
        return packs.number_of(self.connection, self.keys, self.brand_id, member_id)

    def _answer(self, row: Row) -> ClaimAnswer:
        return ClaimAnswer(
            request_id=row["request_id"],
            member_id=row["member_id"],
            member_number=self._number(row["member_id"]) if row["is_new"] else "",
            is_new=bool(row["is_new"]),
            state=row["state"],
            code=row["code"],
            points=row["points"],
            pack_points=row["pack_points"],
            coupon_id=row["coupon_id"],
        )
