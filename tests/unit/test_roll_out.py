"""Enrolling a chain from one file: all or nobody, safe to repeat, and no code for those who have enrolled."""

import asyncio
import csv
import stat
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import Refusal
from sync.hq.roll_out import RollOutAsk, enrol_file
from sync.hq.service import HqService
from sync.protocol import EnrolRequest
from tests.processes import run, succeed
from tests.unit.test_hq_world import BRAND, Till, open_world, query

HEADER = "store_id,store_name,workstation_id\n"
CHAIN = HEADER + "S1,,S1-1\nS1,,S1-2\nS2,二号店,S2-1\nS3,,S3-1\nS3,三号店,S3-2\n"


async def ask(hq: HqService, path: Path, text: str, brand: str = BRAND) -> dict[str, Any]:
    path.write_text(text, encoding="utf-8")  # noqa: ASYNC240 - a small file of the test
    return await enrol_file(hq, RollOutAsk(brand_id=brand, path=str(path)))


def test_a_chain_gets_its_codes_once_and_again_only_for_those_that_have_not_enrolled(tmp_path: Path) -> None:
    async def story() -> None:
        hq, file = await open_world(tmp_path / "hq"), tmp_path / "stores.csv"
        first = await ask(hq, file, CHAIN)
        assert (first["enrolled"], first["faults"]) == (0, [])
        assert [row[:2] for row in first["codes"]] == [
            ["S1", "S1-1"], ["S1", "S1-2"], ["S2", "S2-1"], ["S3", "S3-1"], ["S3", "S3-2"],
        ]  # fmt: skip
        assert len({code for _, _, code in first["codes"]}) == 5
        till = Till(workstation_id="S3-1", store_id="S3")
        answer = await hq.redeem(EnrolRequest(code=first["codes"][3][2], public_key=till.public_key))
        assert (answer.workstation_id, answer.store_name) == ("S3-1", "三号店"), "named in another row of the store"
        again = await ask(hq, file, CHAIN)
        assert (again["enrolled"], [row[1] for row in again["codes"]]) == (1, ["S1-1", "S1-2", "S2-1", "S3-2"])
        station = await hq.station("S3-1")
        assert station is not None
        assert station.state == "enrolled"
        with pytest.raises(Refusal, match="not known"):
            await hq.redeem(EnrolRequest(code=first["codes"][0][2], public_key=till.public_key))
        await hq.close()

    asyncio.run(story())


def test_one_bad_row_enrols_nobody_and_every_bad_row_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        hq, file = await open_world(tmp_path / "hq"), tmp_path / "stores.csv"
        rows = "S2,二号店,S2-1\nS9,,S9-1\nS2,别的店,S2-2\nS2,,S2-1\nS2,,坏 id\nS2\nS1,,S2-9\n"
        done = await ask(hq, file, HEADER + rows)
        assert done["codes"] == []
        assert done["faults"] == [
            [3, "there is no store S9"],
            [4, "store S2 is called 二号店 on an earlier line"],
            [5, "S2-1 is on line 2 already"],
            [6, "workstation_id '坏 id': use 1 to 64 of A-Z a-z 0-9 . _ : -"],
            [7, "has 1 cells, the header has 3"],
        ]
        assert await query(hq, "SELECT 1 FROM workstations") == []
        assert [row["store_id"] for row in await query(hq, "SELECT store_id FROM stores")] == ["S1"]
        other = await ask(hq, file, HEADER + "S1,一号店,S1-1\n", brand="none")
        assert [reason for _, reason in other["faults"]] == ["there is no brand none"]
        with pytest.raises(Refusal, match="workstation_id is missing"):
            await ask(hq, file, "store_id,name\n")
        await hq.close()

    asyncio.run(story())


def test_the_command_writes_the_codes_for_nobody_but_its_user(tmp_path: Path) -> None:
    async def story() -> None:
        data, plan, codes = ("--data", str(tmp_path / "hq")), tmp_path / "stores.csv", tmp_path / "codes.csv"
        plan.write_text(HEADER + "S2,二号店,S2-1\n", encoding="utf-8")
        await succeed("hq", "init", BRAND, "茶铺", *data)
        said = await succeed("hq", "enrol-file", str(plan), "--brand", BRAND, "--codes", str(codes), *data)
        assert said == ""
        with codes.open(encoding="utf-8") as file:
            [row] = list(csv.DictReader(file))
        assert (row["store_id"], row["workstation_id"], len(row["code"])) == ("S2", "S2-1", 19)
        assert stat.S_IMODE(codes.stat().st_mode) == 0o600
        plan.write_text(HEADER + "S9,,S9-1\n", encoding="utf-8")
        code, out, err = await run("hq", "enrol-file", str(plan), "--brand", BRAND, *data)
        assert (code, out) == (1, "")
        assert "line 2: there is no store S9\nnobody was enrolled" in err

    asyncio.run(story())
