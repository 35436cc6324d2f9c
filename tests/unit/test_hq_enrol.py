"""Who may talk to HQ: codes that work once, keys that stay outside the database, codes a till can verify."""

import asyncio
import base64
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.domain.dynamic_code import parse
from agent.domain.errors import Refusal, StorageError
from agent.system import SystemEntropy
from sync.hq.bounds import ENROL_CODE_TTL_S
from sync.hq.keys import open_keys, verify
from sync.hq.main import open_hq
from sync.hq.places import DATABASE, KEY_FILE
from sync.hq.service import HqService
from sync.protocol import EnrolRequest
from tests.unit.test_hq_world import BRAND, NOW_MS, STORE, HandClock, Till, enrol, import_members, open_world, query


def in_hq(path: Path, story: Callable[[HqService, HandClock], Awaitable[None]]) -> None:
    async def play() -> None:
        clock = HandClock()
        hq = await open_world(path / "hq", clock)
        try:
            await story(hq, clock)
        finally:
            await hq.close()

    asyncio.run(play())


async def refusal(work: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as refused:
        await work
    return refused.value.code


def test_a_code_works_once_and_again_only_for_the_same_key(tmp_path: Path) -> None:
    async def story(hq: HqService, _clock: HandClock) -> None:
        code = await hq.add_workstation(STORE, "S1-1")
        mine, thief = Till(), Till()
        answer = await hq.redeem(EnrolRequest(code=code, public_key=mine.public_key))
        assert (answer.workstation_id, answer.store_id, answer.brand_id) == ("S1-1", STORE, BRAND)
        assert base64.b64decode(answer.hq_public_key) == hq.public_key
        # The first answer may be lost on the way.
        typed = code.lower().replace("-", " ")
        assert await hq.redeem(EnrolRequest(code=typed, public_key=mine.public_key)) == answer
        stolen = EnrolRequest(code=code, public_key=thief.public_key)
        assert await refusal(hq.redeem(stolen)) == "ENROL_CODE_SPENT"
        assert (
            code.replace("-", "").encode()
            not in (await query(hq, "SELECT code_hash FROM workstations"))[0]["code_hash"]
        )

    in_hq(tmp_path, story)


def test_codes_expire_and_are_replaced(tmp_path: Path) -> None:
    async def story(hq: HqService, clock: HandClock) -> None:
        till = Till()
        first = await hq.add_workstation(STORE, "S1-1")
        second = await hq.add_workstation(STORE, "S1-1")
        assert first != second
        assert await refusal(hq.redeem(EnrolRequest(code=first, public_key=till.public_key))) == "ENROL_CODE_UNKNOWN"
        clock.at_ms += ENROL_CODE_TTL_S * 1000 + 1
        assert await refusal(hq.redeem(EnrolRequest(code=second, public_key=till.public_key))) == "ENROL_CODE_EXPIRED"

    in_hq(tmp_path, story)


def test_a_new_pc_takes_over_when_it_redeems_not_before(tmp_path: Path) -> None:
    async def story(hq: HqService, _clock: HandClock) -> None:
        old, new = Till(), Till()
        await enrol(hq, old)
        code = await hq.add_workstation(STORE, "S1-1")
        old.book()
        assert (await hq.ingest("S1-1", old.batch())).watermark == 1
        await hq.redeem(EnrolRequest(code=code, public_key=new.public_key))
        assert await refusal(hq.ingest("S1-1", old.batch())) == "BATCH_SIGNATURE"
        new.new_epoch("e2")
        new.book()
        assert (await hq.ingest("S1-1", new.batch())).watermark == 1

    in_hq(tmp_path, story)


def test_a_revoked_workstation_is_out(tmp_path: Path) -> None:
    async def story(hq: HqService, _clock: HandClock) -> None:
        till = Till()
        await enrol(hq, till)
        await hq.revoke_workstation("S1-1")
        till.book()
        assert await refusal(hq.ingest("S1-1", till.batch())) == "WORKSTATION_UNKNOWN"
        assert await refusal(hq.revoke_workstation("S9-9")) == "WORKSTATION_UNKNOWN"
        assert (await enrol(hq, till)).workstation_id == "S1-1"

    in_hq(tmp_path, story)


def test_places_have_names_and_one_home(tmp_path: Path) -> None:
    async def story(hq: HqService, _clock: HandClock) -> None:
        await hq.init_brand("coffee", "咖啡", "")
        await hq.add_store("coffee", "C1", "店")
        await hq.add_workstation(STORE, "S1-1")
        assert await refusal(hq.init_brand("a.b", "x", "")) == "BRAND_ID_INVALID"
        assert await refusal(hq.init_brand("ab", "", "")) == "TEXT_INVALID"
        assert await refusal(hq.add_store("none", "S5", "店")) == "BRAND_UNKNOWN"
        assert await refusal(hq.add_store(BRAND, "C1", "店")) == "STORE_OTHER_BRAND"
        assert await refusal(hq.add_store(BRAND, "店", "店")) == "ID_INVALID"
        assert await refusal(hq.add_workstation("S5", "S5-1")) == "STORE_UNKNOWN"
        assert await refusal(hq.add_workstation("C1", "S1-1")) == "WORKSTATION_OTHER_STORE"

    in_hq(tmp_path, story)


def test_a_brand_renamed_keeps_its_index_key(tmp_path: Path) -> None:
    async def story(hq: HqService, _clock: HandClock) -> None:
        before = await enrol(hq, Till())
        await hq.init_brand(BRAND, "新名", "https://example.test/new")
        after = await enrol(hq, Till())
        assert (after.brand_name, after.join_url) == ("新名", "https://example.test/new")
        assert after.index_key == before.index_key

    in_hq(tmp_path, story)


def test_a_dynamic_code_verifies_with_the_public_key_alone(tmp_path: Path) -> None:
    async def story(hq: HqService, _clock: HandClock) -> None:
        await import_members(hq, tmp_path / "m.csv", 1)
        texts = {await hq.issue_dynamic_code(BRAND, "100000000000") for _ in range(3)}
        assert len(texts) == 3
        code = parse(texts.pop())
        assert code is not None
        assert (code.brand_id, code.member_number, code.issued_at_s) == (BRAND, "100000000000", NOW_MS // 1000)
        assert code.is_fresh(NOW_MS)
        assert verify(hq.public_key, code.signature, code.signed_bytes())
        assert await refusal(hq.issue_dynamic_code(BRAND, "5")) == "MEMBER_UNKNOWN"

    in_hq(tmp_path, story)


def open_again(path: Path) -> None:
    async def play() -> None:
        await (await open_hq(path, HandClock(), SystemEntropy())).close()

    asyncio.run(play())


def test_keys_lie_beside_the_database_for_the_owner_only(tmp_path: Path) -> None:
    open_again(tmp_path / "hq")
    key_file = tmp_path / "hq" / KEY_FILE
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    keys = open_keys(key_file, SystemEntropy(), create=False)
    for file in (tmp_path / "hq").glob(f"{DATABASE}*"):
        assert keys.data_key not in file.read_bytes()
        assert keys.signing.private_bytes_raw() not in file.read_bytes()
    assert "data_key" not in repr(keys)
    open_again(tmp_path / "hq")
    key_file.chmod(0o640)
    with pytest.raises(StorageError, match="open to others"):
        open_again(tmp_path / "hq")
    key_file.chmod(0o600)
    key_file.write_text("{}")
    with pytest.raises(StorageError, match="no key file"):
        open_again(tmp_path / "hq")


def test_a_database_never_gets_other_keys(tmp_path: Path) -> None:
    open_again(tmp_path / "a")
    open_again(tmp_path / "b")
    (tmp_path / "b" / KEY_FILE).replace(tmp_path / "a" / KEY_FILE)
    with pytest.raises(StorageError, match="another database"):
        open_again(tmp_path / "a")
    with pytest.raises(StorageError, match="No such file"):
        open_again(tmp_path / "b")


def test_a_sealed_field_opens_only_in_its_place(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "k", SystemEntropy(), create=True)
    sealed = keys.seal("t", "c", "1", b"secret")
    assert keys.open("t", "c", "1", sealed) == b"secret"
    for table, column, row, value in (
        ("t", "c", "2", sealed),
        ("t", "d", "1", sealed),
        ("t", "c", "1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("t", "c", "1", b"\x02" + sealed[1:]),
    ):
        with pytest.raises(StorageError):
            keys.open(table, column, row, value)


def test_after_a_storage_failure_nothing_is_acknowledged(tmp_path: Path) -> None:
    async def story(hq: HqService, _clock: HandClock) -> None:
        till = Till()
        await enrol(hq, till)
        till.book()
        await hq._read(lambda c: c.execute("PRAGMA query_only=ON"))  # every write fails from here
        with pytest.raises(StorageError):
            await hq.ingest("S1-1", till.batch())
        assert hq.failed.is_set()
        with pytest.raises(StorageError, match="stopped after"):
            await hq.totals("S1-1")

    in_hq(tmp_path, story)
