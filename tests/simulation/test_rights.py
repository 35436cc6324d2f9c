"""The judge of rights judges: it finds what is spent without a right; and rights come home after a clock ran ahead."""

from collections import Counter
from pathlib import Path

from sync.hq.service import HqService
from tests.lease_world import Station, account_state
from tests.simulation.rights import is_right, moved, purse_of
from tests.unit.test_leases import play

TEN_YEARS_MS = 10 * 365 * 86_400_000


def test_a_right_used_or_held_while_the_clock_ran_ahead_comes_home_when_it_is_right_again(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        used, held = ids[0], ids[1]
        till.clock.ms += TEN_YEARS_MS
        await till.earn(used, 40)
        await till.earn(held, 30)
        [lot] = await till.lots(held)
        await till.leasing.hold(lot.lease_id, 30, "quote-1", till.clock.ms + 900_000)
        till.clock.ms -= TEN_YEARS_MS
        assert await till.leasing.close_idle() == 2, "both go back; neither waits for ten years"
        await till.push()
        for member, owned in ((used, 40), (held, 30)):
            assert await account_state(hq, member) == {"owned": owned, "lots": owned, "out": 0}

    play(tmp_path, story)


def test_what_is_owed_is_no_right_and_everything_else_is() -> None:
    spend = {"account": "points", "owner": "m", "amount": -5, "bucket": "opening", "lease": "l1"}
    assert is_right(spend)
    assert is_right({**spend, "account": "coupon", "bucket": "c7", "lease": ""}), "a coupon is never owed"
    assert not is_right({**spend, "lease": ""}), "taken back with the goods"
    assert not is_right({**spend, "amount": 5, "bucket": "debt", "lease": ""}), "owed, and repaid"


def test_coupons_and_cards_count_one_by_one_and_money_by_account() -> None:
    body = '{"postings":[{"account":"coupon","owner":"m","amount":-1,"bucket":"c7","lease":"l"},'
    body += '{"account":"sv_gift","owner":"m","amount":-3,"bucket":"g1","lease":"l2"},'
    body += '{"account":"sv_gift","owner":"m","amount":-4,"bucket":"g2","lease":"l3"}]}'
    wanted = Counter({purse_of("coupon", "m", "c7"): -1, purse_of("sv_gift", "m", "g1"): -7})
    assert moved({("w", "e", 1): body}) == wanted
