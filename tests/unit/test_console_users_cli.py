"""`pos-agent hq user`: asks for the password, works with HQ up (over its socket) and down."""

import asyncio
import sys
from pathlib import Path

from typer.testing import CliRunner

from agent.cli.whole import app
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from sync.hq.places import SOCKET
from sync.hq.server import HqServer

PASSWORD = "eight horses run"


def command(data: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["hq", "user", *arguments, "--data", str(data)], input=typed)
    return result.exit_code, result.output


def test_users_are_added_listed_and_removed_while_hq_is_down(tmp_path: Path) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    assert command(tmp_path, "add", "老板", "--role", "admin", typed=typed)[0] == 1, "there is no headquarters yet"
    begun = CliRunner().invoke(app, ["hq", "init", "shu", "蜀果", "--data", str(tmp_path)])
    assert begun.exit_code == 0, begun.output
    assert command(tmp_path, "add", "老板", "--role", "admin", typed=typed)[0] == 0
    assert command(tmp_path, "add", "阿强", "--role", "operator", typed=typed)[0] == 0
    code, output = command(tmp_path, "list")
    assert (code, output.splitlines()) == (0, ["老板\tadmin", "阿强\toperator"])
    assert PASSWORD.encode() not in (tmp_path / "hq.db").read_bytes()
    code, output = command(tmp_path, "remove", "老板")
    assert code == 1
    assert "last admin" in output
    assert command(tmp_path, "add", "x", "--role", "admin", typed="short\nshort\n")[0] == 1


def test_users_are_added_while_hq_serves(tmp_path: Path) -> None:
    async def story() -> None:
        hq = await open_hq(tmp_path, SystemClock(), SystemEntropy())
        server = HqServer(hq, admin_socket=tmp_path / SOCKET, uploads=tmp_path / "uploads")
        await server.start()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agent", "hq", "user", "add", "老板", "--role", "admin", "--password", PASSWORD,
                "--data", str(tmp_path),
            )  # fmt: skip
            assert await process.wait() == 0
            assert server.console is not None
            _token, person = await server.console.desk.people.sign_in("老板", PASSWORD)
            assert person.role == "admin"
        finally:
            await server.stop()

    asyncio.run(story())
