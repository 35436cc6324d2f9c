"""The commands as an operator types them, in real processes: HQ, enrolment, daemon, pairing, proof, doctor."""

import asyncio
import json
import signal
from pathlib import Path

from agent.demo import world as chain
from drivers.simulated import SimulatedPrinter
from tests.processes import Daemon, pos_of, post, run, succeed


async def headquarters(folder: Path) -> tuple[Daemon, str, Path]:
    """Set up HQ by commands, serve it, enrol a till: (HQ process, its URL, the till's configuration)."""
    data, files = ("--data", str(folder / "hq")), chain.write_files(folder / "files", 20)
    await succeed("hq", "init", chain.BRAND, chain.BRAND_NAME, "--join-url", chain.JOIN_URL, *data)
    (folder / "rules.json").write_text(_json(chain.RULES), encoding="utf-8")
    await succeed("hq", "import", "rules", str(folder / "rules.json"), "--brand", chain.BRAND, *data)
    station = ("hq", "enrol", chain.STORE, chain.WORKSTATION, "--name", chain.STORE_NAME, "--brand", chain.BRAND)
    code = await succeed(*station, *data)
    for what in ("items", "merchants", "members"):
        said = await succeed("hq", "import", what, str(files[what]), "--brand", chain.BRAND, *data)
        assert "0 bad" in said
    hq = Daemon("hq", "serve", "--port", "0", *data)
    url = (await hq.start("headquarters listens on")).rsplit(" ", 1)[1]
    second = ("hq", "enrol", chain.STORE, "S001-2", *data)
    assert len(await succeed(*second)) >= 16, "HQ is running: it makes the code itself"
    assert "20 unchanged" in await succeed(
        "hq", "import", "members", str(files["members"]), "--brand", chain.BRAND, *data
    )
    config = folder / "agent.toml"
    config.write_text(f'state_dir = "{folder}/till"\n[hq]\nurl = "{url}"\n[api]\nport = 0\n', encoding="utf-8")
    said = await succeed("enrol", code, "--config", str(config))
    assert said == f"enrolled as {chain.WORKSTATION} of store {chain.STORE} {chain.STORE_NAME} ({chain.BRAND_NAME})"
    assert await succeed("enrol", code, "--config", str(config)) == said, "asked again by the same machine: the same"
    thief = folder / "thief.toml"
    thief.write_text(config.read_text(encoding="utf-8").replace("/till", "/thief"), encoding="utf-8")
    refused, _, err = await run("enrol", code, "--config", str(thief))
    assert refused == 1, "for another machine the code is used up"
    assert "Traceback" not in err
    return hq, url, config


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def test_from_nothing_to_proven_books_and_through_a_kill(tmp_path: Path) -> None:
    async def story() -> None:
        hq, _, config = await headquarters(tmp_path)
        async with SimulatedPrinter() as printer:
            with config.open("a", encoding="utf-8") as file:
                file.write(f'[[printer]]\nname = "receipt"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {printer.port}\n')
            daemon = Daemon("run", "--config", str(config))
            await daemon.start("api.ready")
            client = await pos_of(daemon, config)
            await _until_ready(daemon)
            sale = {"sale_id": "k-1", "lines": [{"code": "10001"}], "tenders": [{"type": "cash", "amount_fen": 1980}]}
            first = await post(client, "/v1/sales", sale)
            await printer.wait_job(2)
            assert await daemon.stop(signal.SIGKILL) == -signal.SIGKILL
            await client.aclose()

            daemon = Daemon("run", "--config", str(config))
            await daemon.start("api.ready")
            client = await pos_of(daemon, config)
            again = await post(client, "/v1/sales", sale)
            assert (again["outcome"], again["event"]) == ("exists", first["event"])
            table = await succeed("reconcile", "--config", str(config))
            assert "Both books are equal" in table
            assert "No open discrepancy" in await succeed("differences", "--config", str(config))
            code, _, why = await run("explain", "7", "nothing", "--by", "王店长", "--config", str(config))
            assert (code, "there is no discrepancy 7" in why) == (1, True)
            said = await succeed("doctor", "--config", str(config))
            assert "ok\tdaemon\trunning; 0 events wait for HQ; down: nothing" in said
            assert "wrong" not in said
            await client.aclose()
            assert await daemon.stop(signal.SIGTERM) == 0
            assert "Both books are equal" in await succeed("reconcile", "--config", str(config)), "the daemon is down"
        assert await hq.stop() == 0

    asyncio.run(story())


async def _until_ready(daemon: Daemon) -> None:
    await daemon.line("sync.state")


def test_a_wrong_configuration_exits_78_with_every_mistake(tmp_path: Path) -> None:
    async def story() -> None:
        config = tmp_path / "agent.toml"
        config.write_text('[hq]\nurl = "ftp://x"\n[api]\nprot = 1\n', encoding="utf-8")
        code, out, err = await run("run", "--config", str(config))
        assert (code, out) == (78, "")
        assert "hq.url" in err
        assert "api.prot: unknown key; did you mean port?" in err
        config.write_text(f'state_dir = "{tmp_path}/s"\n[hq]\nurl = "http://127.0.0.1:1"\n', encoding="utf-8")
        code, _, err = await run("run", "--config", str(config))
        assert code == 78
        assert "not enrolled" in err
        code, _, err = await run("run", "--config", str(tmp_path / "none.toml"))
        assert code == 78
        assert "does not exist" in err

    asyncio.run(story())


def test_hq_that_cannot_be_reached_is_one_sentence(tmp_path: Path) -> None:
    async def story() -> None:
        config = tmp_path / "agent.toml"
        config.write_text(f'state_dir = "{tmp_path}/s"\n[hq]\nurl = "http://127.0.0.1:1"\n', encoding="utf-8")
        code, _, err = await run("enrol", "ABCD-EFGH-IJKL", "--config", str(config))
        assert code == 1
        assert "HQ cannot be reached" in err
        assert "Traceback" not in err
        code, _, err = await run("pair", "--config", str(config))
        assert code == 1
        assert "the agent is not running" in err
        code, out, _ = await run("doctor", "--config", str(config))
        assert code == 1
        assert "wrong\tenrolment\tthis workstation is not enrolled" in out

    asyncio.run(story())


def test_an_import_with_bad_rows_names_them_all_and_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        data = ("--data", str(tmp_path / "hq"))
        await succeed("hq", "init", "b", "牌", *data)
        bad = tmp_path / "items.csv"
        bad.write_text("sku,name,list_yuan\n1,水,1.005\n2,茶,2.00\n3,酒,abc\n", encoding="utf-8")
        code, out, _ = await run("hq", "import", "items", str(bad), "--brand", "b", *data)
        assert code == 1
        assert "line 2" in out
        assert "line 4" in out
        assert "nothing was imported" in out
        said = await succeed("hq", "import", "items", str(bad), "--brand", "b", "--skip-bad", *data)
        assert "1 created" in said

    asyncio.run(story())


def test_coupons_and_freezes_by_command_with_hq_down_and_up(tmp_path: Path) -> None:
    async def story() -> None:
        data, files = ("--data", str(tmp_path / "hq")), chain.write_files(tmp_path / "files", 3)
        brand, member = ("--brand", chain.BRAND), chain.member(0).number
        await succeed("hq", "init", chain.BRAND, chain.BRAND_NAME, *data)
        for what, count in (("members", 3), ("batches", 4)):
            assert f"{count} created" in await succeed("hq", "import", what, str(files[what]), *brand, *data)
        token = await succeed("hq", "token", "mini-program", "--kind", "join", *brand, *data)
        assert len(token) == 43
        wrong, _, err = await run("hq", "token", "mini-program", "--kind", "join", *data)
        assert (wrong, "--brand" in err) == (78, True)
        code = await succeed("hq", "coupon", "--batch", "cp5", "--member", member, *brand, *data)
        assert code.startswith("CP.c_")
        hq = Daemon("hq", "serve", "--port", "0", *data)
        await hq.start("headquarters listens on")
        assert await succeed("hq", "coupon", "--withdraw", code.removeprefix("CP."), *brand, *data) == "withdrawn"
        assert await succeed("hq", "freeze", member, "5300 points within the hour", *brand, *data) == "frozen"
        refused, _, err = await run("hq", "freeze", "nobody", "x", "--release", *brand, *data)
        assert (refused, "no such member" in err) == (1, True)
        await hq.stop()

    asyncio.run(story())
