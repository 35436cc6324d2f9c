"""What people do at headquarters' desk: create brands and workstations, give tokens,
import files, issue and withdraw coupons, freeze and release members.

The half of HqService that sync.hq.admin and the command line use; sync.hq.service gives it its database.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.ports import Clock, Entropy
from sync.hq import coupon_write, enrol, expiry, freezes, importer, readers, recompute, restored, rules_write
from sync.hq.bounds import COUPON_ID_BYTES, ENROL_CODE_BYTES
from sync.hq.db.seam import Connection
from sync.hq.importer import ImportReport, Progress
from sync.hq.keys import HqKeys
from sync.hq.member_standing import newest_rules
from sync.hq.recompute import Difference, RuleBook
from sync.hq.restored import Awaited

T = TypeVar("T")


class HqDesk(ABC):
    """Raises Refusal when what is asked cannot be done."""

    def __init__(self, keys: HqKeys, clock: Clock, entropy: Entropy) -> None:
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._rules = RuleBook()

    @abstractmethod
    async def _read(self, work: Callable[[Connection], T]) -> T: ...

    @abstractmethod
    async def _write(self, work: Callable[[Connection], T]) -> T: ...

    # --- organisation -----------------------------------------------------------------------------------------------
    async def init_brand(self, brand_id: str, name: str, join_url: str) -> None:
        """Create a brand (1-32 of A-Z a-z 0-9 _ -), or update its name and join address."""
        key, now = self._entropy.token(32), self._clock.now_ms()
        await self._write(lambda c: enrol.init_brand(c, self._keys, brand_id, name, join_url, now, key))

    async def add_store(self, brand_id: str, store_id: str, name: str) -> None:
        """Create or rename a store."""
        await self._write(lambda c: enrol.add_store(c, brand_id, store_id, name))

    async def add_workstation(self, store_id: str, workstation_id: str) -> str:
        """Create a workstation (or let it enrol anew) and give its one-time enrolment code."""
        token, now = self._entropy.token(ENROL_CODE_BYTES), self._clock.now_ms()
        return await self._write(lambda c: enrol.add_workstation(c, store_id, workstation_id, token, now))

    async def revoke_workstation(self, workstation_id: str) -> None:
        """Refuse a workstation from now on."""
        await self._write(lambda c: enrol.revoke_workstation(c, workstation_id))

    async def issue_dynamic_code(self, brand_id: str, member_number: str) -> str:
        """Write a dynamic member code as of now; Refusal 404 MEMBER_UNKNOWN."""
        nonce, now = self._entropy.token(12), self._clock.now_ms()
        return await self._read(lambda c: enrol.issue_dynamic_code(c, self._keys, brand_id, member_number, now, nonce))

    async def add_reader(self, name: str) -> str:
        """Give a bearer token for `GET /v1/seals`; shown once, kept as a hash."""
        token, now = self._entropy.token(readers.TOKEN_BYTES), self._clock.now_ms()
        return await self._write(lambda c: readers.add(c, name, token, now))

    async def add_joiner(self, brand_id: str, name: str) -> str:
        """Give a bearer token for `POST /v1/claims` of one brand; shown once. Refusal 404 BRAND_UNKNOWN."""
        token, now = self._entropy.token(readers.TOKEN_BYTES), self._clock.now_ms()

        def work(connection: Connection) -> str:
            enrol.brand_row(connection, brand_id)
            return readers.add(connection, name, token, now, join_brand=brand_id)

        return await self._write(work)

    # --- files ------------------------------------------------------------------------------------------------------
    async def import_members(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import members from CSV (columns: sync.hq.member_csv)."""
        return await importer.members(self._write, self._keys, self._entropy, brand_id, path, skip_bad, progress)

    async def import_items(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import the pricebook from CSV (columns: sync.hq.item_csv)."""
        return await importer.items(self._write, brand_id, path, skip_bad, progress)

    async def import_merchants(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import merchant scopes from CSV (columns: sync.hq.item_csv)."""
        return await importer.merchants(self._write, brand_id, path, skip_bad, progress)

    async def import_batches(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import coupon batches from CSV (columns: sync.hq.coupon_csv)."""
        return await importer.batches(self._write, brand_id, path, skip_bad, progress, self._clock.now_ms())

    async def import_coupons(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Issue and withdraw coupons from CSV (columns: sync.hq.coupon_csv)."""
        now = self._clock.now_ms()
        return await importer.coupons(self._write, self._keys, brand_id, path, skip_bad, progress, now)

    async def import_cards(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import members' count cards from CSV (columns: sync.hq.coupon_csv)."""
        return await importer.cards(self._write, self._keys, brand_id, path, skip_bad, progress)

    async def import_gifts(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import the catalogue of gifts from CSV (columns: sync.hq.gift_csv)."""
        rules = await self._read(lambda c: newest_rules(c, self._rules, brand_id))
        return await importer.gifts(self._write, brand_id, rules.gift_mix, path, skip_bad, progress)

    async def import_slots(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import slots from CSV (columns: sync.hq.slot_csv)."""
        return await importer.slots(self._write, brand_id, path, skip_bad, progress, self._clock.now_ms())

    async def import_rules(self, brand_id: str, source: Path | dict[str, Json]) -> bool:
        """Import a rule set from JSON; False when it is there already. Refusal RULES_INVALID or RULES_CHANGED."""
        now = self._clock.now_ms()
        body = await self._body(source)
        return await self._write(lambda c: rules_write.publish(c, brand_id, body, now))

    async def lint_rules(self, brand_id: str, source: Path | dict[str, Json]) -> list[str]:
        """Name what a person should look at in a rule set, each beginning with its field; it may still be published."""
        body = await self._body(source)
        return await self._read(lambda c: rules_write.lint(c, brand_id, body))

    async def _body(self, source: Path | dict[str, Json]) -> dict[str, Json]:
        return source if isinstance(source, dict) else await self._read(lambda _c: _json_file(source))

    # --- members ----------------------------------------------------------------------------------------------------
    async def issue_coupon(self, brand_id: str, batch_id: str, member_number: str, coupon_id: str = "") -> str:
        """Issue one coupon of the batch's newest version; its id, a random one unless `coupon_id` names it.

        The same id, batch and member again change nothing. Refusal COUPON_INVALID naming every fault.
        """
        chosen, now = coupon_id or random_id("c", self._entropy.token(COUPON_ID_BYTES)), self._clock.now_ms()
        await self._write(lambda c: coupon_write.issue(c, self._keys, brand_id, batch_id, member_number, chosen, now))
        return chosen

    async def withdraw_coupon(self, brand_id: str, coupon_id: str) -> bool:
        """Withdraw an issued coupon; False when it is used or withdrawn already. Refusal 404 COUPON_UNKNOWN."""
        return await self._write(lambda c: coupon_write.withdraw(c, brand_id, coupon_id))

    async def freeze_member(self, brand_id: str, member_number: str, *, frozen: bool, reason: str) -> None:
        """Freeze a member or release them (S53). Refusal 404 MEMBER_UNKNOWN."""
        now = self._clock.now_ms()
        await self._write(lambda c: freezes.decide(c, self._keys, brand_id, member_number, frozen, reason, now))

    # --- restored from a copy ---------------------------------------------------------------------------------------
    async def declare_restored(self, reason: str) -> None:
        """Say that this database is a copy of an earlier one: nothing is granted until every till has told."""
        now = self._clock.now_ms()
        await self._write(lambda c: restored.declare(c, reason, now))

    async def awaited(self) -> list[Awaited]:
        """Workstations that a restored HQ still waits for."""
        return await self._read(restored.awaited)

    # --- what was sold, reckoned again ------------------------------------------------------------------------------
    async def recompute_some(self) -> bool:
        """Reckon the next few folded events again (R13); False when none was left."""
        now = self._clock.now_ms()
        return await self._write(lambda c: recompute.step(c, self._rules, now))

    async def expire_some(self) -> bool:
        """Post what is left of the next few lots whose last day is over (S27); False when none was left."""
        now = self._clock.now_ms()
        return await self._write(lambda c: expiry.step(c, now))

    async def differences(self, workstation_id: str = "") -> list[Difference]:
        """Reckon what is left, then list the events that say something else than HQ reckons, newest first."""
        while await self.recompute_some():
            pass
        return await self._read(lambda c: recompute.differences(c, workstation_id))


def _json_file(path: Path) -> dict[str, Json]:
    try:
        body = json.loads(path.read_bytes(), parse_float=_no_float)
    except (OSError, ValueError) as error:
        raise Refusal("RULES_INVALID", f"{path}: {error}") from error
    if not isinstance(body, dict):
        raise Refusal("RULES_INVALID", f"{path}: not an object")
    return body


def _no_float(text: str) -> Json:
    raise ValueError(f"{text} is not an integer: use basis points, hundredths or fen")
