"""Checks of a person by name, identity card and phone, and of a face (S56), by the brand's own provider.

Made by sync.hq.channel_office; called by sync.hq.channel_http and sync.hq.members_admin. No transaction is open while
the provider is asked. What it said is kept with the member; of what was asked only hashes under HQ's key are.
"""

from typing import Any, Final

from agent.domain.business_day import business_day
from agent.domain.digest import canonical
from agent.domain.errors import Refusal
from sync.hq import channels, identity_provider
from sync.hq.bounds import DIFFERENCES_LISTED, IDENTITY_CHECKS_A_DAY
from sync.hq.channels import Channel
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import hold_brand
from sync.hq.identity_provider import PROVIDERS, HttpIdentity, IdentityProvider, Outcome
from sync.hq.parts import Parts
from sync.identity_protocol import IdentityCheck, IdentityChecked, ProviderAsk

_WHERE: Final = " WHERE member_id = :member AND channel = :channel AND request_id = :request"
_STILL: Final = f"{_WHERE} AND state = 'unsure' AND asked = :asked"


class IdentityDesk:
    """Answers channels and operators."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.provider: IdentityProvider = HttpIdentity()

    async def check(self, channel: Channel, ask: IdentityCheck) -> IdentityChecked:
        """Ask the provider, once per request.

        Refusal 409 IDENTITY_NOT_CONFIGURED, IDENTITY_REFUSED, IDENTITY_UNSURE (ask the same again), CONFLICT, 429
        IDENTITY_TOO_MANY, 404 MEMBER_UNKNOWN.
        """
        keys, now = self._parts.keys, self._parts.clock.now_ms()
        provider = await self._parts.books.read(lambda c: identity_provider.of_brand(c, keys, channel.brand_id))
        row = await self._parts.books.write(lambda c: self._begun(c, channel, ask, now))
        if row["state"] == "unsure":
            order = ProviderAsk(
                request_id=f"{channel.name}.{ask.request_id}", brand_id=channel.brand_id, name=ask.name,
                id_number=ask.id_number, phone=ask.phone, face=ask.face, at_ms=row["at_ms"],
            )  # fmt: skip
            outcome = await self.provider.check(provider, order)
            row = await self._parts.books.write(lambda c: _settled(c, row, outcome))
        if row["state"] == "refused":
            raise Refusal("IDENTITY_REFUSED", "the provider refused the question", status=409)
        if row["state"] == "unsure":
            hint = "ask the same again, under the same request id"
            raise Refusal("IDENTITY_UNSURE", "the provider gave no answer that can be trusted", hint=hint, status=409)
        return IdentityChecked(
            request_id=ask.request_id, member_id=row["member_id"], result=row["state"], face=row["face"]
        )

    def _begun(self, connection: Connection, channel: Channel, ask: IdentityCheck, now_ms: int) -> Row:
        """The row of this request, made now or before."""
        keys = self._parts.keys
        hold_brand(connection, channel.brand_id)  # ORDER: before anything is asked: once per request
        member_id = channels.resolve(connection, keys, channel.brand_id, ask.member)
        asked = keys.mark("identity-asked", canonical(ask.model_dump(mode="json")))
        key = {"member": member_id, "channel": channel.name, "request": ask.request_id}
        held = _row(connection, key)
        if held is not None:
            if bytes(held["asked"]) != asked:
                why = "this request id was used for another request"
                raise Refusal("CONFLICT", why, hint="make a new one", field="request_id", status=409)
            return held
        day = business_day(now_ms)
        done = connection.execute(
            "SELECT COUNT(*) FROM identity_checks WHERE member_id = :member AND business_day = :day",
            {"member": member_id, "day": day},
        ).fetchone()[0]
        if done >= IDENTITY_CHECKS_A_DAY:
            why = f"a member is checked {IDENTITY_CHECKS_A_DAY} times a day at most"
            raise Refusal("IDENTITY_TOO_MANY", why, status=429)
        connection.execute(
            "INSERT INTO identity_checks (member_id, channel, request_id, brand_id, asked, person, consent, state,"
            " face, reference, business_day, at_ms) VALUES (:member, :channel, :request, :brand, :asked, :person,"
            " :consent, 'unsure', '', '', :day, :now)",
            {
                **key, "brand": channel.brand_id, "asked": asked, "consent": ask.consent, "day": day, "now": now_ms,
                "person": keys.mark("identity-person", f"{channel.brand_id}\n{ask.id_number}".encode()),
            },
        )  # fmt: skip
        made = _row(connection, key)
        assert made is not None, "it was inserted just now"
        return made

    # --- operators --------------------------------------------------------------------------------------------------
    async def set_provider(self, brand_id: str, url: str) -> str:
        """Enter a brand's provider; the key that signs both ways, in hex, shown once. Empty: none any more."""
        return await PROVIDERS.enter(self._parts, brand_id, url)

    async def listed(self, brand_id: str) -> list[dict[str, Any]]:
        """Checks of a brand, newest first."""

        def look(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(
                "SELECT member_id, channel, request_id, consent, state, face, reference, at_ms FROM identity_checks"
                " WHERE brand_id = :brand ORDER BY at_ms DESC, member_id, channel, request_id LIMIT :limit",
                {"brand": brand_id, "limit": DIFFERENCES_LISTED},
            ).fetchall()
            return [dict(row) for row in rows]

        return await self._parts.books.read(look)

    async def close(self) -> None:
        """Let go of the providers."""
        await self.provider.close()


def _settled(connection: Connection, row: Row, outcome: Outcome) -> Row:
    """Keep what the provider said; what another call kept meanwhile stays, and of who was erased meanwhile nothing."""
    key = {"member": row["member_id"], "channel": row["channel"], "request": row["request_id"]}
    same = {**key, "asked": row["asked"]}
    if isinstance(outcome, str):
        connection.execute(f"UPDATE identity_checks SET state = :state{_STILL}", {
            **same, "state": outcome,
        })  # fmt: skip
    else:
        connection.execute(
            f"UPDATE identity_checks SET state = :state, face = :face, reference = :reference{_STILL}",
            {**same, "state": outcome.result, "face": outcome.face, "reference": outcome.reference},
        )
    found = _row(connection, key)
    assert found is not None, "rows of checks are never deleted"
    return found


def _row(connection: Connection, key: dict[str, Any]) -> Row | None:
    row: Row | None = connection.execute(f"SELECT * FROM identity_checks{_WHERE}", key).fetchone()
    return row
