"""`pos-agent hq draws | reservations`: a lottery drawn again by whoever asks (S29), who comes on a day (S11)."""

import asyncio
import sqlite3
from pathlib import Path

from typer.testing import CliRunner

from agent.cli.whole import app
from agent.domain.business_day import business_day
from agent.domain.lottery import commitment
from agent.system import SystemClock
from sync.channel_protocol import ChannelEvent, MemberRef
from tests.unit.test_hq_play import WHEEL
from tests.unit.test_hq_world import BRAND, RULES, HandClock, import_members, open_world

DAY_MS = 86_400_000


async def drawn(data: Path, at_ms: int) -> None:
    """HQ with three draws of a day."""
    hq = await open_world(data, HandClock(at_ms))
    try:
        await hq.import_rules(BRAND, {**RULES, "version": 2, "lotteries": [{**WHEEL, "free_a_day": 3}]})
        [member] = await import_members(hq, data / "members.csv", 1)
        channel = await hq.channels.of_token((await hq.channels.add("mini", BRAND, "")).token)
        assert channel is not None
        for number in range(3):
            ask = ChannelEvent(
                request_id=f"d{number}", kind="draw", member=MemberRef(member_id=member), lottery_id="wheel"
            )
            await hq.channels.take(channel, ask)
    finally:
        await hq.close()


def test_a_day_is_drawn_again_and_what_was_altered_ends_with_1(tmp_path: Path) -> None:
    data, yesterday_ms = tmp_path / "hq", SystemClock().now_ms() - DAY_MS
    asyncio.run(drawn(data, yesterday_ms))
    words = ["hq", "draws", "wheel", "--brand", BRAND, "--day", business_day(yesterday_ms), "--data", str(data)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    head, *rows = done.stdout.splitlines()
    assert head == "channel,request_id,member_id,prize_id,outcome,cost_points,rules_version,follows"
    assert [row.split(",")[1] for row in rows] == ["d0", "d1", "d2"]
    assert all(row.endswith(",True") for row in rows)
    day, _, told, _, seed = done.stderr.split()
    assert (day, told) == (business_day(yesterday_ms), commitment(bytes.fromhex(seed)))
    with sqlite3.connect(data / "hq.db") as books:
        books.execute("UPDATE lottery_draws SET prize_id = 'elsewhere' WHERE request_id = 'd1'")
    books.close()
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.stdout.count(",False")) == (1, 1)
    assert CliRunner().invoke(app, [*words[:6], "soon", *words[7:]]).exit_code == 1


def test_who_comes_on_a_day_is_listed(tmp_path: Path) -> None:
    data, day = tmp_path / "hq", business_day(SystemClock().now_ms() + DAY_MS)
    (tmp_path / "slots.csv").write_text(
        f"slot_id,store_id,service,starts,minutes,capacity\nam,S1,cut,{day} 10:00,45,1\n"
    )

    async def reserved() -> str:
        hq = await open_world(data, HandClock(SystemClock().now_ms()))
        try:
            await hq.import_rules(BRAND, {**RULES, "version": 2, "reservations": {"ahead_days": 7}})
            [member] = await import_members(hq, data / "members.csv", 1)
            channel = await hq.channels.of_token((await hq.channels.add("mini", BRAND, "")).token)
            assert channel is not None
            await hq.import_slots(BRAND, tmp_path / "slots.csv")
            ask = ChannelEvent(request_id="r", kind="reserve", member=MemberRef(member_id=member), slot_id="am")
            await hq.channels.take(channel, ask)
            return member
        finally:
            await hq.close()

    member = asyncio.run(reserved())
    words = ["hq", "reservations", "--brand", BRAND, "--data", str(data)]
    done = CliRunner().invoke(app, [*words, "--day", day, "--store", "S1"])
    assert done.stdout == f"10:00 S1 cut (am): {member} ****0000, held\n"
    assert CliRunner().invoke(app, ["hq", "links", *words[2:]]).stdout == "nobody is linked\n"
    asked = ["hq", "identity", *words[2:]]
    assert CliRunner().invoke(app, asked).stdout == "nobody was checked\n"
    entered = CliRunner().invoke(app, [*asked, "--url", "https://check.example.com/three"])
    assert len(bytes.fromhex(entered.stdout.removeprefix("key ").strip())) == 32
    assert CliRunner().invoke(app, [*asked, "--remove"]).stdout == f"{BRAND} checks nobody\n"
    assert CliRunner().invoke(app, [*asked, "--remove", "--url", "https://x.example.com"]).exit_code == 78
    assert "nobody has reserved anything" in CliRunner().invoke(app, [*words, "--day", "2020-01-01"]).stdout
    imported = CliRunner().invoke(app, ["hq", "import", "slots", str(tmp_path / "slots.csv"), *words[2:]])
    assert imported.stdout == "0 created, 0 updated, 1 unchanged, 0 bad\n"
