"""The whole path of a sale on one machine, hardware-free and configuration-free: HQ, agent, scanner, printer, POS.

Called by `pos-agent demo` (and so by `make run`). Everything is the real thing but the devices and WeChat Pay, which is
simulated: HQ listens on a socket, the agent is the one systemd would start, the scanner is a pty, the printer a TCP
server, the POS uses the API.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent import logs
from agent.config import Settings, parse
from agent.demo import world
from agent.demo.cable import Cable
from agent.demo.counter import Counter, Served
from agent.demo.customers import serve
from agent.demo.pos import Pos
from agent.demo.props import Props
from agent.demo.screen import Screen
from agent.demo.simulated_wechat import SimulatedWechat
from agent.demo.spenders import savers
from agent.domain.errors import ConfigError
from agent.enrolling import enrol
from agent.life import Life
from agent.main import Agent
from agent.people import Role
from agent.ports import Clock, Entropy
from drivers.simulated import SimulatedPrinter, SimulatedScanner
from sync.hq.main import open_hq
from sync.hq.server import HqServer
from sync.hq.totals import Totals
from sync.hq.wechat_accounts import Entry
from sync.verdict import Reconciliation

_READY_S = 60


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to play and where to leave it."""

    customers: int
    out: Path
    stay: bool
    port: int = 0


class Demo:
    """One run of the demo."""

    def __init__(self, options: DemoOptions, screen: Screen, clock: Clock, entropy: Entropy) -> None:
        self._options = options
        self._screen = screen
        self._clock = clock
        self._entropy = entropy
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End the run (Ctrl-C): what has begun is finished, books are closed."""
        self._stop.set()

    async def run(self) -> bool:
        """Play the customers, prove the books, leave the results in `out`; whether both books were equal."""
        out = self._options.out
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise ConfigError([f"{out} is not empty: the demo writes its own books there"])
        with (out / "agent.log").open("w", encoding="utf-8") as log:
            logs.configure(log)
            server = HqServer(await open_hq(out, self._clock, self._entropy))
            try:
                with self._wechat() as wechat:
                    return await self._with_hq(server, wechat)
            finally:
                await server.stop()

    def _wechat(self) -> SimulatedWechat:
        key, now_s = self._entropy.token(16).hex(), lambda: self._clock.now_ms() // 1000
        return SimulatedWechat(world.MCH_ID, world.APPID, world.SUB_MCH_ID, world.SUB_APPID, key, now_s)

    async def _with_hq(self, server: HqServer, wechat: SimulatedWechat) -> bool:
        await self._fill(server)
        entry = Entry(wechat.mch_id, wechat.appid, True, wechat.url, v2_key=wechat.v2_key)
        await server.hq.wechat.office.add(entry)
        await server.hq.wechat.office.set_sub_appid(wechat.mch_id, wechat.sub_mch_id, wechat.sub_appid)
        self._screen.step(f"a simulated WeChat Pay at {wechat.url}: no money moves")
        cable = Cable(await server.start())
        await cable.plug()
        scanner = SimulatedScanner(self._options.out / "dev" / "scanner")
        try:
            async with SimulatedPrinter() as printer:
                settings = self._settings(cable, printer)
                code = await server.hq.add_workstation(world.STORE, world.WORKSTATION)
                await enrol(settings, code, self._entropy)
                life = Life(settings, self._clock, self._entropy)
                await life.open()
                return await self._with_agent(life, server, Counterparts(cable, scanner, printer, wechat))
        finally:
            scanner.close()
            await cable.pull()

    async def _fill(self, server: HqServer) -> None:
        hq, say = server.hq, self._screen.step
        say(f"headquarters: brand {world.BRAND_NAME}, store {world.STORE_NAME}")
        await hq.init_brand(world.BRAND, world.BRAND_NAME, world.JOIN_URL)
        await hq.add_store(world.BRAND, world.STORE, world.STORE_NAME)
        await hq.import_rules(world.BRAND, world.DEMO_RULES)
        files = world.write_files(self._options.out / "import")
        text = json.dumps(world.DEMO_RULES, ensure_ascii=False, indent=1)
        (self._options.out / "import" / "rules.json").write_text(text + "\n", encoding="utf-8")
        await hq.import_items(world.BRAND, files["items"])
        await hq.import_merchants(world.BRAND, files["merchants"])
        with self._screen.progress(f"importing {world.MEMBERS} members from CSV", world.MEMBERS) as progress:
            await hq.import_members(
                world.BRAND, files["members"], progress=lambda stage, done: progress(done if stage == "write" else 0)
            )
        await hq.import_batches(world.BRAND, files["batches"])
        await hq.import_coupons(world.BRAND, files["coupons"])

    async def _with_agent(self, life: Life, server: HqServer, parts: "Counterparts") -> bool:
        ended = asyncio.Event()
        ready = asyncio.Event()
        agent = (
            life.agent
        )  # a manager may turn the till to a training once the demo stays up; nothing is asked of it then
        running = asyncio.create_task(life.run(ended, on_ready=ready.set), name="agent")
        try:
            await _first_of(running, ready.wait())
            await self._first_pull(agent)
            base_url = f"http://127.0.0.1:{agent.port}"
            pos = await Pos.pair(base_url, agent.pairing.new_code())
            try:
                return await self._play(agent, server, parts, pos)
            finally:
                await pos.close()
        finally:
            ended.set()
            await running

    async def _first_pull(self, agent: Agent) -> None:
        with self._screen.progress("the till pulls members, prices and rules", world.MEMBERS) as progress:
            async with asyncio.timeout(_READY_S):
                while not agent.daemon.hello()["ready"] or (await agent.replica.counts())["identities"] < world.MEMBERS:
                    progress((await agent.replica.counts())["members"])
                    await asyncio.sleep(0.02)

    async def _play(self, agent: Agent, server: HqServer, parts: "Counterparts", pos: Pos) -> bool:
        run = f"D{self._clock.now_ms() // 1000 % 1_000_000:06d}"
        counter = Counter(
            pos=pos,
            scanner=parts.scanner,
            printer=parts.printer,
            cable=parts.cable,
            hq=server.hq,
            wechat=parts.wechat,
            clock=self._clock,
            run=run,
        )
        (self._options.out / "receipts").mkdir()
        served: list[Served] = []
        for number in range(1, self._options.customers + 1):
            if self._stop.is_set():
                break
            one = await serve(number, counter)
            (self._options.out / f"receipts/{number:03d}.bin").write_bytes(one.receipt)
            served.append(one)
            self._screen.customer(one, self._options.customers)
        proof = await agent.daemon.prove("demo")
        totals = await server.hq.totals(agent.enrolment.workstation_id)
        summary = _summary(served, proof, totals)
        text = json.dumps(summary, ensure_ascii=False, indent=1)
        (self._options.out / "summary.json").write_text(text + "\n", encoding="utf-8")
        self._screen.proof(proof, summary)
        if self._options.stay and not self._stop.is_set():
            for operator, name, role in world.OPERATORS:
                await agent.people.put(operator, name, Role(role), world.PIN)
            await self._stay(f"http://127.0.0.1:{agent.port}", counter)
        return proof.equal

    async def _stay(self, base_url: str, at: Counter) -> None:
        """Stay up for whoever tries it by hand, until Ctrl-C."""
        who = savers()[-1].number
        folder = self._options.out / "dev"
        props = asyncio.create_task(Props(folder, at, savers()[-1]).run(), name="props")
        self._screen.stay(base_url, at.pos.token, who, folder.resolve())
        await self._stop.wait()
        props.cancel()
        await asyncio.gather(props, return_exceptions=True)

    def _settings(self, cable: Cable, printer: SimulatedPrinter) -> Settings:
        """The configuration of a till with these devices, kept in `out` as an example."""
        out = self._options.out.resolve()
        text = f"""\
state_dir = "{out}"

[hq]
url = "{cable.url}"

[api]
port = {self._options.port}

[[scanner]]
name = "counter"
path = "{out}/dev/scanner"

[[printer]]
name = "receipt"
kind = "tcp"
host = "127.0.0.1"
port = {printer.port}
profile = "escpos-80"

[receipt]
footer = "会员权益以门店公示为准"
"""
        path = out / "agent.toml"
        path.write_text(text, encoding="utf-8")
        return parse(text, source=str(path))


@dataclass(frozen=True, slots=True)
class Counterparts:
    """The devices and the cable of the demo."""

    cable: Cable
    scanner: SimulatedScanner
    printer: SimulatedPrinter
    wechat: SimulatedWechat


async def _first_of(running: asyncio.Task[None], waiting: Any) -> None:
    """Wait for readiness, or for the agent's own failure."""
    ready = asyncio.ensure_future(waiting)
    await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if running.done():
        running.result()


def _summary(served: list[Served], proof: Reconciliation, totals: Totals) -> dict[str, Any]:
    """Both sides' totals: here what the POS was answered, and the events the store rehashed; there what HQ booked."""
    here = {
        "events": sum(one.count for one in proof.epochs),
        "payable_fen": sum(one.payable_fen for one in served),
        "points": sum(one.points for one in served),
    }
    days = [day.model_dump() for day in totals.days]
    there = {
        "events": sum(day["events"] for day in days),
        "payable_fen": sum(day["payable_fen"] for day in days),
        "points": sum(day["points"] for day in days),
        "suspended": sum(day["suspended"] for day in days),
    }
    return {
        "customers": [one.summary() for one in served],
        "reconcile": {**asdict(proof), "equal": proof.equal},
        "store": here,
        "hq": {**there, "watermarks": totals.watermarks, "days": days, "differences": totals.differences},
    }
