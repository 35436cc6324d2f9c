"""S49: a coupon for some stores is granted, used and taken nowhere else; who could not know is named."""

from pathlib import Path

import pytest

from agent.domain.coupon_batch import faults
from agent.domain.errors import Refusal
from sync.hq.csv_file import Fault
from sync.lease_protocol import LeaseRequest, LeaseWant
from tests.unit.hq_care_world import BRAND, CareWorld, at_ms, play
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_referrals import ask
from tests.unit.test_hq_world import Till, enrol

HEAD = "batch_id,name,type,start,end,off_yuan,stores,issuer,cross_store\n"
ROW = "{},减5,amount_off,2026-07-01,2026-12-31,5,{},{},{}\n"
DAYS = {"type": "amount_off", "name": "减5", "off_fen": 500, "start": "2026-07-01", "end": "2026-12-31"}
BATCHES = {
    "all": ("", "", ""), "one": ("S1", "", ""), "other": ("S2", "", ""), "issued": ("", "S2", ""),
    "across": ("", "S2", "1"), "named": ("S1", "S2", "1"),
}  # fmt: skip


async def stocked(world: CareWorld, folder: Path) -> None:
    """Another store, and one coupon of each batch for the first member."""
    await world.hq.add_store(BRAND, "S2", "Second")
    text = HEAD + "".join(ROW.format(name, *cells) for name, cells in BATCHES.items())
    await world.hq.import_batches(BRAND, write(folder, text))
    rows = "".join(f"c-{name},100000000000,{name}\n" for name in BATCHES)
    await world.hq.import_coupons(BRAND, write(folder, f"coupon_id,member_number,batch_id\n{rows}"))


def test_hq_grants_a_store_no_coupon_of_others(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        two = Till("S2-1")
        two.store_id = "S2"
        await enrol(world.hq, two)
        given = {}
        for number, who in enumerate(("S1-1", "S2-1")):
            for name in BATCHES:
                want = LeaseWant(account="coupon", bucket=f"c-{name}", amount=1)
                lease = LeaseRequest(
                    request_id=f"{who}-{name}", epoch="e1", last=0, member_id=world.ids[0], wants=[want]
                )
                answer = await world.hq.leases.grant(who, lease)
                given[who, name] = len(answer.leases)
            if not number:
                await world.hq.leases.write_off("S1-1")
        assert {name for (who, name), count in given.items() if who == "S1-1" and count} == {
            "all", "one", "across", "named",
        }  # fmt: skip
        assert {name for (who, name), count in given.items() if who == "S2-1" and count} == {
            "all", "other", "issued", "across", "named",
        }  # fmt: skip

    play(tmp_path, story)


def test_a_channel_is_no_store(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        for name in ("one", "issued", "named"):
            with pytest.raises(Refusal) as refused:
                await ask(world, f"u-{name}", "use_coupon", coupon_id=f"c-{name}")
            assert refused.value.code == "COUPON_OTHER_STORE"
        for name in ("all", "across"):
            await ask(world, f"u-{name}", "use_coupon", coupon_id=f"c-{name}")

    play(tmp_path, story)


def test_a_till_that_did_not_know_is_named_and_the_sale_stays(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        for name in ("one", "issued"):
            posted = [{"account": "coupon", "owner": world.ids[0], "amount": -1, "bucket": f"c-{name}"}]
            world.till.book(postings=posted, at_ms=at_ms("2026-09-21"), rules_version=1)
        await world.push()
        found = [one for one in await world.hq.differences() if one.code == "COUPON_OTHER_STORE"]
        assert [(one.seq, one.detail) for one in found] == [(2, "c-issued may not be used in S1")]
        assert await world.all("SELECT coupon_id FROM coupons WHERE state = 'used' ORDER BY coupon_id") == [
            ("c-issued",), ("c-one",),
        ]  # fmt: skip

    play(tmp_path, story)


def test_a_batch_for_stores_of_nobody_is_refused_with_every_fault(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        row = ROW.format("b", "S1;S9", "S8", "1")
        report = await world.hq.import_batches(BRAND, write(tmp_path, HEAD + row))
        assert report.faults == [Fault(2, "stores: this brand has no store S8, S9 (S49)")]
        row = ROW.format("b", "S1;S1", "S2", "")
        report = await world.hq.import_batches(BRAND, write(tmp_path, HEAD + row))
        assert report.faults == [
            Fault(2, "stores: a store comes twice; stores: others than the issuer need cross_store (S49)")
        ]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"stores": []}, ["stores: list 1 to 200 store ids, or leave it out for all of the brand"]),
        ({"issuer": 1, "cross_store": 1}, ["issuer: a store id is a text of 1 to 64 characters",
                                           "cross_store: write true or false"]),
        ({"cross_store": True}, ["cross_store: a coupon without an issuer is nobody's to permit elsewhere"]),
        ({"issuer": "S1", "stores": ["S1"]}, []),
        ({"issuer": "S1", "stores": ["S2"], "cross_store": True}, []),
    ],
)  # fmt: skip
def test_where_a_coupon_goes_is_checked(more: dict[str, object], wanted: list[str]) -> None:
    assert faults({**DAYS, **more}) == wanted  # type: ignore[dict-item]
