"""No altered, deleted or inserted row of either side's books stays hidden: every column of every table is tried.

Tables and columns are read from the schemas, so a new one without a check fails here unless EXEMPT gives a reason.
One store and one HQ serve all cases: each is altered with plain SQL, proven, and put back from a copy.
"""

import asyncio
import base64
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agent.books_ports import EventDraft
from agent.db.schema import books_migrations, replica_migrations
from agent.demo import world as chain
from agent.domain.digest import Json, event_digest, extend, genesis
from agent.domain.lease import Lot
from agent.domain.ledger import OWN_LOT
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import Posting, TenderLine, TenderType
from agent.sqlite import Connection, open_database
from sync.claim_protocol import ClaimRequest, WechatIdentity
from sync.hq.schema import MIGRATIONS
from sync.lease_protocol import LeaseWant
from sync.protocol import Batch, WireEvent, batch_signing_bytes
from sync.verdict import Reconciliation
from tests.e2e.test_reconcile import at_hq, sell
from tests.till_world import TillWorld

EXEMPT: dict[str, dict[str, str]] = {
    "store": {
        "print_jobs": "paper, not books",
        "notices": "what happened, for screens; pruned",
        "api_tokens": "access, not books",
        "operators": "access, not books",
        "mode_changes": "who switched training on and off; no sums",
        "drawer_openings": "who opened a drawer; no sums, and never edited",
        "payers": "erasable identities, sealed; an event holds only the random reference",
        "payer_identities": "erasable index of identities",
        "lease_holds": "promises to quotes, for a quarter of an hour",
        "held_quotes": "quotes with such promises, for as long",
        "leases.wanted": "a wish of HQ's; at worst an idle lease is closed sooner or later",
        "leases.touched_at_ms": "when an idle lease is closed, nothing else",
        "access_log": "who read what; no sums, and never edited",
        "clock_mark": "what time it was said to be; the next answer of HQ says it anew",
        "freezes.number": "the order they came in; whose, when and why follows from the event",
        "freezes.lifted_at_ms": "a person's decision; it is also a notice",
        "freezes.lifted_by": "a person's decision; it is also a notice",
        "freezes.why": "a person's decision; it is also a notice",
        "used_nonces": "a nonce lives 90 s and has no counterpart in an event",
        "proofs": "the history of results; seals are the evidence",
        "discrepancies": "what was found; found again while it lasts",
        "audits": "where the audit stands; it goes round robin",
        "epochs.created_at_ms": "for people; nothing follows from it",
        "outbox.settled_at_ms": "for people; nothing follows from it",
        "events.kind": "generated from the body by SQLite, cannot be written",
        "events.at_ms": "generated from the body by SQLite, cannot be written",
        "events.business_day": "generated from the body by SQLite, cannot be written",
    },
    "hq": {
        "hq_identity": "HQ does not start with another key",
        "brands": "administration: names and keys, no sums",
        "stores": "administration",
        "workstations": "administration: access",
        "feed_counters": "a lower number is refused as CURSOR_AHEAD; a higher one only skips numbers",
        "feed_gaps": "which cursors are told CURSOR_AHEAD; the downward check compares the rows themselves",
        "reader_tokens": "access, not books",
        "claim_joins": "who asked, and the answer to repeat; what was credited stands in claims and hq_postings",
        "lease_epochs": "which books asked last; what they hold is in leases",
        "grants_made": "compared with the witness at every start; a lower number only makes every till tell again",
        "restorations": "whom HQ waits for; tills answer anew",
        "wechat_accounts": "configuration; keys are sealed with their place",
        "wechat_trusted": "configuration",
        "wechat_sub_appids": "configuration",
        "wechat_cards": "configuration",
        "wechat_notices": "what WeChat said; it decides nothing about books",
        "wechat_payments": "what WeChat said; it decides nothing about books",
        "wechat_checks": "a queue of questions, made of events",
        "wechat_bills": "what WeChat said; fetched again by its day",
        "wechat_bill_rows": "what WeChat said; fetched again by its day",
        "wechat_differences": "for people",
        "wechat_decisions": "what a person said to one of these",
        "wechat_member_cards": "a queue of balances, made of members' rows",
        "restoration_answers": "whom HQ waits for; tills answer anew",
        "sms_gateways": "configuration; keys are sealed with their place",
        "sms_codes": "access, not books; sealed with their place",
        "member_pins": "access, not books; sealed with their place",
        "hourly_asks": "how often a till asked this hour; no sums",
        "limit_moves": "counted for a person who looks; balances do not follow from it",
        "redemptions": "counted for a person who looks; balances do not follow from it",
        "member_days": "counted from events; counted anew by `pos-agent hq recount`",
        "store_days": "counted from events; counted anew by `pos-agent hq recount`",
        "coupon_uses": "counted from events; counted anew by `pos-agent hq recount`",
        "chains.counted": "how far days are counted; counted anew by `pos-agent hq recount`",
        "members.since_day": "since when HQ counts a member; at worst a review keeps a tier",
        "members.last_day": "follows from member_days, and is written anew with every purchase",
        "tier_changes": "why a tier changed, for people; the tier itself stands in members",
        "member_runs": "how far HQ's schedule has come; what it does is done once however often it runs",
        "referrals": "who invited whom; what was paid for it stands in hq_postings",
        "sign_ins": "days in a row; what they gave stands in hq_postings",
        "tasks_done": "how often a task was done; what it gave stands in hq_postings",
        "lottery_days": "told before a draw; follows from HQ's key, and draws are drawn again by `pos-agent hq draws`",
        "identity_providers": "configuration; keys are sealed with their place",
        "identity_checks": "what a provider said, for people; it decides nothing about books",
        "link_offers": "codes of ten minutes, as hashes, and what was consented to",
        "links": "who consented to what; the tier it lends stands in members and tier_changes",
        "slots": "what is offered; who comes stands in reservations",
        "reservations": "who comes when; no sums",
        "gifts": "what is offered; what went out of it stands in exchanges",
        "exchanges": "what went out for points; the points taken stand in hq_postings",
        "lottery_stocks": "how many prizes are out; what was given stands in hq_postings and coupons",
        "lottery_draws": "drawn again by `pos-agent hq draws`; what was given stands in hq_postings and coupons",
        "reminders": "messages, not books",
        "erasures": "who asked, for people; that a member was erased stands in members",
        "erasure_acks": "told by tills",
        "channels": "access, not books",
        "channel_events": "makes answers repeatable; what was posted stands in hq_postings",
        "channel_pushes": "a queue of balances, made of members' rows",
        "leases.request_id": "makes an answer repeatable; what was granted is the lease itself",
        "leases.wanted": "a wish; at worst an idle lease is closed sooner or later",
        "lots.since_ms": "the order of spending among lots of one expiry",
        "write_offs.at_ms": "for people",
        "payers": "erasable identities, sealed",
        "proofs": "the history of results; seals are the evidence",
        "discrepancies": "what was found; found again while it lasts",
        "audits": "where the audit stands; it goes round robin",
        "events.received_at_ms": "when HQ received it; nothing follows from it",
        "recomputations.at_ms": "for people",
        "chains.first_received_at_ms": "for people; nothing follows from it",
        "conflicts.received_at_ms": "for people; nothing follows from it",
        "rule_sets.created_at_ms": "for people",
        "rule_sets.feed_no": "place in the feed; the downward check compares rows",
        "items.feed_no": "place in the feed; the downward check compares rows",
        "merchants.feed_no": "place in the feed; the downward check compares rows",
        "members.opening_month_spend": "counts while its month is the newest, and then the member's row is compared",
        "members.ordered": "counts once a file called the next order the first, and then the member's row is compared",
        "members.feed_no": "place in the feed; the downward check compares rows",
        "identities.feed_no": "place in the feed; the downward check compares rows",
        "coupons.feed_no": "place in the feed; the downward check compares rows",
        "coupon_batches.created_at_ms": "for people",
        "coupon_stocks": "how many people allow to be issued; what was issued is counted from the coupons",
        "freezes": "who was frozen and why, for people; what follows stands in members",
        "console_users": "access, not books",
        "console_sessions": "access, not books",
        "console_log": "what people did, for people; what they moved stands in hq_postings",
        "decisions": "what people said of what was found, for people; what they moved stands in hq_postings",
        "store_standings": "reckoned anew from the books whenever somebody looks",
        "erasure_requests": "who asked, for people; that a member was erased stands in members",
        "identities.kind": "phone indexes never leave HQ; of an index nobody can read; what it finds is compared",
        "identities.value_sealed": "sealed, never leaves HQ; opens only in its own place",
    },
    "replica": {
        "cursors": "a lower one reads a feed again, a higher one is refused as CURSOR_AHEAD",
        "checks": "where the downward check stands; it goes round robin",
        "snapshot": "how old the replica is; written anew by every pull, and has no counterpart at HQ",
        "pulls": "which events a balance includes; written once, beside the rows",
        "members.member_no": "the replica's own number; what it joins is compared",
        "members.pull_no": "which pull the balance came with",
        "offers.INSERT": "an offer that no coupon names is never read",
        "offers.batch_id": "the row is lost to its coupons, which are compared: tried as DELETE",
        "offers.version": "the row is lost to its coupons, which are compared: tried as DELETE",
    },
}


MIGRATIONS_OF = {"store": books_migrations, "hq": MIGRATIONS, "replica": replica_migrations}


@dataclass(frozen=True)
class Case:
    side: str
    table: str
    column: str
    """A column's name, `DELETE` or `INSERT`."""

    def __str__(self) -> str:
        return f"{self.side}-{self.table}-{self.column}"


def schema(side: str, folder: Path) -> dict[str, list[str]]:
    """Tables and their columns, as the migrations make them."""
    connection = open_database(folder / f"{side}.db", MIGRATIONS_OF[side])
    tables = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%'"
            " ESCAPE '\\' ORDER BY name"
        )
    ]
    found = {t: [row["name"] for row in connection.execute(f"PRAGMA table_xinfo({t})")] for t in tables}
    connection.close()
    return found


def cases() -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        for side in MIGRATIONS_OF:
            for table, columns in schema(side, Path(folder)).items():
                if table in EXEMPT[side]:
                    continue
                for column in [*columns, "DELETE", "INSERT"]:
                    if f"{table}.{column}" not in EXEMPT[side]:
                        yield Case(side, table, column)


CASES = list(cases())


FLAGS = {"deleted", "earns", "by_weight", "no_member_discount", "first_order", "frozen", "known"}


def other(value: Any, column: str) -> Any:
    """Another value of the same type and length."""
    if column in FLAGS:
        return 1 - value
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, int):
        return value + 100
    if value is None:
        return 77
    text = str(value)
    if text in ("ok", "acknowledged"):
        return "suspended"
    if text == "active":
        return "deleted"
    if text.startswith("{") and '"qty":1' in text:
        return text.replace('"qty":1', '"qty":9')
    if text.startswith("{") and '"first":1' in text:
        return text.replace('"first":1', '"first":2')
    if text.startswith("{"):
        return text.replace('"version":1', '"version":1 ') if '"version":1' in text else text.replace('":', '": ', 1)
    if text.startswith("["):
        return text.replace("1", "2", 1)
    return text[:-1] + ("x" if text[-1:] != "x" else "y") if text else "x"


def tamper(connection: Connection, case: Case) -> None:
    """Plain SQL: no triggers, no foreign keys, no checks, as whoever holds the file can."""
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA ignore_check_constraints=ON")
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    table = case.table
    columns = [row["name"] for row in connection.execute(f"PRAGMA table_xinfo({table})") if row["hidden"] == 0]
    order = "seq" if "seq" in columns else columns[0]
    only = " WHERE kind <> 'phone'" if table == "identities" and case.side == "hq" else ""
    if (case.side, table, case.column) == ("hq", "members", "first_order"):
        only = " WHERE ordered = 0"  # of whoever has ordered it says nothing any more
    picked = connection.execute(
        f"SELECT * FROM {table}{only} ORDER BY {order} LIMIT 1 OFFSET {_offset(connection, case)}"
    )
    row = dict(picked.fetchone())
    where = " AND ".join(f"{name} IS :{name}" for name in columns)
    old = {name: row[name] for name in columns}
    if case.column == "DELETE":
        connection.execute(f"DELETE FROM {table} WHERE {where}", old)
    elif case.column == "INSERT":
        new = old | _new_key(table, old)
        names = ", ".join(columns)
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(':' + name for name in columns)})", new)
    else:
        connection.execute(
            f"UPDATE {table} SET {case.column} = :new_value WHERE {where}",
            old | {"new_value": other(old[case.column], case.column)},
        )
    connection.execute("PRAGMA ignore_check_constraints=OFF")


def _offset(connection: Connection, case: Case) -> int:
    count: int = connection.execute(f"SELECT count(*) FROM {case.table}").fetchone()[0]
    assert count > 0, f"the world has no row in {case.table}: give it one"
    return 1 if count > 1 and case.table in ("events", "outbox", "requests") else 0


def _new_key(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """The same row under a key nobody uses."""
    keys: dict[str, dict[str, Any]] = {
        "epochs": {"epoch": "ep_inserted", "number": 9},
        "events": {"seq": 99},
        "outbox": {"seq": 99},
        "postings": {"position": 7},
        "requests": {"caller_id": "sale-99"},
        "used_transactions": {"transaction_id": "42000000000000099"},
        "seals": {"last": 99, "number": 99, "place": 10**15},
        "accounts": {"account": "gold"},
        "chains": {"epoch": "ep_inserted"},
        "conflicts": {"seq": 99},
        "day_totals": {"business_day": "2020-01-01"},
        "transactions": {"transaction_id": "42000000000000099"},
        "identities": {"identity_index": bytes(16), "head": 1},
        "items": {"sku": "99999"},
        "members": {"member_id": "m_inserted", "member_no": 99_999},
        "merchants": {"mch_id": "1"},
        "rule_sets": {"version": 99},
        "leases": {"lease_id": "ls_inserted"},
        "lots": {"bucket": "inserted"},
        "lot_openings": {"bucket": "inserted"},
        "lease_closings": {"lease_id": "ls_inserted"},
        "write_offs": {"lease_id": "ls_inserted"},
        "freezes": {"number": 99, "seq": 99},
        "claims": {"sha256": "0" * 64, "seq": 99},
        "claim_backs": {"of_seq": 77},
        "hq_postings": {"seq": 99, "reference": "inserted"},
        "recomputations": {"code": "INSERTED"},
        "coupon_batches": {"version": 99},
        "coupons": {"coupon_id": "cp-inserted"},
        "count_cards": {"card_id": "card-inserted"},
    }
    fresh = {name: value for name, value in keys[table].items() if name in row}
    if "feed_no" in row and row["feed_no"] is not None:
        fresh["feed_no"] = 1_000_000
    return fresh


class Worlds:
    """Runs all cases once; results by case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results: dict[Case, Reconciliation] = {}

    async def run(self) -> None:
        async with TillWorld(self.folder) as world:
            await _fill(world)
            self.start = await world.agent.daemon.prove()
            saved = {
                "store": await world.agent.books._store.read(_copy),
                "hq": await at_hq_plain(world, _copy),
                "replica": await world.agent.replica._store.read(_copy),
            }
            for case in CASES:
                await self._try(world, case)
                await world.agent.books._store.read(lambda c: saved["store"].backup(c))
                await at_hq_plain(world, lambda c: saved["hq"].backup(c))
                await world.agent.replica._store.read(lambda c: saved["replica"].backup(c))

    async def _try(self, world: TillWorld, case: Case) -> None:
        def alter(connection: Connection) -> None:
            tamper(connection, case)

        try:
            sides = {"store": world.agent.books._store.read, "replica": world.agent.replica._store.read}
            await (at_hq_plain(world, alter) if case.side == "hq" else sides[case.side](alter))
            self.results[case] = await world.agent.daemon.prove()
        except Exception as error:
            self.results[case] = Reconciliation(f"raised {error!r}", "test", 0)


async def at_hq_plain(world: TillWorld, work: Callable[[Any], Any]) -> Any:
    return await world.server.hq._read(work)


def _copy(connection: Connection) -> Connection:
    kept = type(connection)(":memory:", check_same_thread=False)
    connection.backup(kept)
    return kept


async def _fill(world: TillWorld) -> None:
    """Sales with and without members, one paid by WeChat, a conflict at HQ, a count card: a row in every table."""
    cards = world.folder / "import" / "cards.csv"
    row = f"card-1,{chain.member(0).number},咖啡十杯,10,8\n"
    cards.write_text(f"card_id,member_number,name,total,left\n{row}", encoding="utf-8")
    await world.server.hq.import_cards(chain.BRAND, cards)
    await world.agent.puller.pull_all()
    for number in range(3):
        await sell(world.agent.till, number, chain.member(number).number)
    till = world.agent.till
    quote = await till.quote([OrderLine("10001")], None)
    tender = TenderLine(TenderType.WECHAT, quote.cart.payable_fen, "4200000000000000000000000001")
    sold = await till.commit(SaleOrder("sale-wx", (tender,), quote_id=quote.quote_id, paper=Paper.NONE))
    await world.agent.daemon.prove()
    (event,) = await at_hq(world, lambda c: c.execute("SELECT * FROM events WHERE seq = 1").fetchall())
    twin = event["body"].replace('"qty":1', '"qty":2')
    chained = extend(genesis(chain.WORKSTATION, event["epoch"]), event_digest(twin.encode())).hex()
    signed = batch_signing_bytes(chain.WORKSTATION, event["epoch"], 1, 1, chained)
    signature = base64.b64encode(world.agent.pusher._ports.keys.sign(signed)).decode()
    batch = Batch(
        epoch=event["epoch"], first=1, last=1, head=chained, signature=signature,
        events=[WireEvent(seq=1, body=twin, chain=chained)],
    )  # fmt: skip
    await world.server.hq.ingest(chain.WORKSTATION, batch)
    await _fill_leases(world)
    await _fill_claims(world, sold.answer)
    await world.agent.daemon.prove()
    assert {one.code for one in await world.server.hq.differences()} == {"RULES_UNKNOWN", "POINTS_OVER_HOUR"}


async def _fill_leases(world: TillWorld) -> None:
    """A lease that was spent and closed, one that HQ wrote off, one open, and one of what was earned here."""
    agent, who = world.agent, world.agent.till
    found = await who.resolve(chain.member(1).number)
    assert found.member is not None
    member = found.member.member_id
    lot = await _lease(world, member, 40)
    await agent.books.commit(sale_of([Posting("points", member, -10, lot.bucket, lot.expires, lot.lease_id)], "sale-a"))
    await agent.leasing.on_recalls([lot.lease_id])
    assert await agent.leasing.close_idle() == 1
    await _lease(world, member, 7)
    await agent.daemon.prove()
    await world.server.hq.leases.write_off(chain.WORKSTATION)
    assert {one.code for one in await agent.leasing.check()} == {"NOT_OPEN_AT_HQ"}
    lot = await _lease(world, member, 9)
    await agent.books.commit(
        sale_of(
            [
                Posting("points", member, 20, OWN_LOT, "2030-12-31", OWN_LOT),
                Posting("points", member, -2, lot.bucket, lot.expires, lot.lease_id),
            ],
            "sale-b",
        )
    )


async def _fill_claims(world: TillWorld, sold: dict[str, Any]) -> None:
    """A claim that somebody took, a return, and a member frozen for too many points."""
    (secret,) = parse_qs(urlsplit(sold["join"]["url"]).query)["c"]
    joining = [WechatIdentity(appid="wx1", openid="o1")]
    asked = ClaimRequest(request_id="j1", claim=secret, identities=joining)
    done = await world.server.hq.claim(chain.BRAND, asked)
    assert (done.state, done.points) == ("credited", 19)
    agent = world.agent
    await agent.books.commit(sale_of([Posting("points_pending", done.member_id, 6000)], "sale-c"))
    first = sale_of([], "return-a")
    epoch = await agent.outbox.epoch()
    body: dict[str, Json] = {**first.body, "kind": "return", "of": {"epoch": epoch, "seq": 1}, "lines": []}
    await agent.books.commit(dataclasses.replace(first, kind="return", body=body))
    lost = sale_of([], "sale-d")
    totals: dict[str, Json] = {"payable_fen": 0, "due_fen": 0}
    await agent.books.commit(dataclasses.replace(lost, body={**lost.body, "totals": totals, "rules_version": 99}))


async def _lease(world: TillWorld, member: str, amount: int) -> Lot:
    leasing = world.agent.leasing
    before = {one.lease_id for one in await leasing.spendable(member, "points", "2026-01-01")}
    assert await leasing.acquire(member, [LeaseWant(account="points", amount=amount)], 10)
    (lot,) = [one for one in await leasing.spendable(member, "points", "2026-01-01") if one.lease_id not in before]
    return lot


def sale_of(postings: list[Posting], sale_id: str) -> EventDraft:
    """A sale of nothing that moves these postings."""
    body: dict[str, Json] = {
        "v": 1, "kind": "sale", "workstation_id": chain.WORKSTATION, "store_id": chain.STORE, "brand_id": chain.BRAND,
        "at_ms": 1_795_000_000_000, "business_day": "2026-11-18", "sale_id": sale_id, "tenders": [],
        "totals": {"payable_fen": 0}, "postings": [], "discrepancies": [],
    }  # fmt: skip
    return EventDraft("sale", sale_id, {}, body, {"sale_id": sale_id}, postings, at_ms=1_795_000_000_000)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    found = Worlds(tmp_path_factory.mktemp("columns"))
    asyncio.run(found.run())
    return found


def test_before_anything_is_altered_nothing_is_found(worlds: Worlds) -> None:
    """But the one conflict that the world begins with, so that its table has a row."""
    assert [one.finding.code for one in worlds.start.differences] == ["FORK"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_found_and_named(worlds: Worlds, case: Case) -> None:
    run = worlds.results[case]
    found = [(one.finding.side, one.finding.table, one.finding.key, one.finding.code) for one in run.differences]
    assert run.result in ("different", "healed"), f"{case}: {run.result}: {run.reason}"
    before = {one.finding for one in worlds.start.differences}
    fresh = [one for one in run.differences if one.finding not in before]
    assert fresh or any(proof.healed for proof in run.epochs), f"{case} was not named: {found}"


def test_every_exemption_names_something_that_exists(tmp_path: Path) -> None:
    for side, reasons in EXEMPT.items():
        tables = schema(side, tmp_path)
        for name, reason in reasons.items():
            table, _, column = name.partition(".")
            assert reason
            assert table in tables
            assert not column or column in (*tables[table], "DELETE", "INSERT")
