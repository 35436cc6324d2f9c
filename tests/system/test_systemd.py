"""The units in a booted system (promises 6 and 10): ready, killed, hung, stopped in order, misconfigured, shut in.

`make test-system` runs it as root; `make test` does not collect it. Tests build on each other, from the top. Figures
are printed at the end of each; device policy and memory limits are not enforced inside a container.
"""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent import limits
from agent.demo import world as chain
from tests.system.container import Container

TILL, HQ = "pos-agent.service", "pos-agent-hq.service"
PRINTER_PORT = 9100
SALE = {"sale_id": "sys-1", "lines": [{"code": "10001"}], "tenders": [{"type": "cash", "amount_fen": 1980}]}
CONFIG = f"""
[hq]
url = "http://127.0.0.1:8788"
[[printer]]
name = "receipt"
kind = "tcp"
host = "127.0.0.1"
port = {PRINTER_PORT}
profile = "escpos-80"
"""
# A printer that takes a job and never says that it is done: the worst moment to be stopped in.
STUCK_PRINTER = f"""
import asyncio
from drivers.simulated import Fault, SimulatedPrinter
async def main():
    async with SimulatedPrinter(port={PRINTER_PORT}) as printer:
        printer.fault = Fault.NO_COMPLETION
        await asyncio.Event().wait()
asyncio.run(main())
"""
PRINTING = f"0100007F:{PRINTER_PORT:04X} 01"  # an established connection to it, in /proc/net/tcp
# A name server that never answers, which is what a till with a dead uplink sees.
SILENT_DNS = """
import socket, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("127.0.0.53", 53))
while True:
    one.recv(4096)
"""


def until(what: Callable[[], bool], limit_s: float, why: str) -> float:
    """Seconds until `what` holds; fails after `limit_s`."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < limit_s, why
        time.sleep(0.02)
    return time.monotonic() - began


def answers(box: Container) -> bool:
    """Whether the till's API answers."""
    with contextlib.suppress(OSError, httpx.TransportError), box.api() as client:
        return client.get("/v1/hello").status_code == 200
    return False


def main_pid(box: Container, unit: str) -> str:
    """The main process of a unit, by its number inside."""
    return box.show(unit, "MainPID")["MainPID"]


def restarted(box: Container, unit: str, pid: str) -> bool:
    """Whether another process than `pid` is up and ready."""
    now = box.show(unit, "MainPID", "ActiveState")
    return now["ActiveState"] == "active" and now["MainPID"] not in ("0", pid)


def timed(box: Container, *command: str) -> float:
    """Seconds a command takes."""
    began = time.monotonic()
    box.run(*command)
    return time.monotonic() - began


def figures(**what: float) -> None:
    """Print what was measured."""
    print("MEASURED " + ", ".join(f"{name} {value:.2f} s" for name, value in what.items()))


@pytest.fixture(scope="module")
def token(box: Container) -> str:
    """The token of a POS that paired with the running till."""
    code = box.run("pos-agent", "pair", user="pos-agent")
    return str(box.call("POST", "/v1/pair", {"code": code, "app": "test"})["token"])


@pytest.fixture(scope="module")
def enrolment_code(box: Container) -> str:
    """The till's one-time code, from the running headquarters."""
    box.run("pos-agent", "hq", "init", chain.BRAND, chain.BRAND_NAME, "--join-url", chain.JOIN_URL, user="pos-agent-hq")
    station = ("pos-agent", "hq", "enrol", chain.STORE, chain.WORKSTATION, "--name", chain.STORE_NAME)
    return box.run(*station, "--brand", chain.BRAND, user="pos-agent-hq")


def test_headquarters_starts_on_nothing(box: Container) -> None:
    start_s = timed(box, "systemctl", "start", HQ)
    assert box.show(HQ, "ActiveState", "Type") == {"ActiveState": "active", "Type": "notify"}
    figures(boot=box.boot_s, hq_start=start_s)


def test_running_headquarters_imports_what_lies_in_its_directory(
    box: Container, enrolment_code: str, tmp_path: Path
) -> None:
    files = chain.write_files(tmp_path, 20)
    texts = {what: files[what].read_text(encoding="utf-8") for what in ("items", "merchants", "members")}
    texts = {"rules": json.dumps(chain.RULES, ensure_ascii=False), **texts}
    for what, text in texts.items():
        # HQ opens the file itself, and sees neither /home nor our /tmp: its own directory is the place.
        file = f"/var/lib/pos-agent-hq/{what}"
        box.write(file, text)
        box.run("pos-agent", "hq", "import", what, file, "--brand", chain.BRAND, user="pos-agent-hq")


def test_the_till_enrols_and_is_active_only_when_its_api_answers(box: Container, enrolment_code: str) -> None:
    box.write("/etc/pos-agent/agent.toml", CONFIG)
    box.run("pos-agent", "enrol", enrolment_code, user="pos-agent")
    start_s = timed(box, "systemctl", "start", TILL)
    assert answers(box), "READY=1 came before the API answered"
    until(lambda: bool(box.call("GET", "/v1/hello")["ready"]), 20, "rules never came from HQ")
    figures(till_start=start_s)


def test_a_sale_outlives_sigkill_and_the_till_is_back_within_ten_seconds(box: Container, token: str) -> None:
    sale = box.call("POST", "/v1/sales", SALE, token)
    assert sale["outcome"] == "created"
    pid = main_pid(box, TILL)
    box.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", TILL)
    back_s = until(lambda: restarted(box, TILL, pid) and answers(box), 10, "not ready 10 s after SIGKILL")
    again = box.call("POST", "/v1/sales", SALE, token)
    assert (again["outcome"], again["event"]) == ("exists", sale["event"])
    figures(ready_after_sigkill=back_s)


@pytest.mark.parametrize("unit", [TILL, HQ])
def test_a_hung_service_is_killed_by_the_watchdog_and_started_again(box: Container, unit: str) -> None:
    pid = main_pid(box, unit)
    box.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", unit)
    back_s = until(lambda: restarted(box, unit, pid), 30, "the watchdog did not act")
    journal = box.journal(unit)
    assert "Watchdog timeout" in journal
    assert "Fatal Python error: Aborted" in journal, "where it hung is told"
    figures(ready_after_hang=back_s)


def test_the_watchdog_sees_a_healthy_service_through(box: Container) -> None:
    before = {unit: box.show(unit, "NRestarts", "MainPID") for unit in (TILL, HQ)}
    limit_s = int(box.show(TILL, "WatchdogUSec")["WatchdogUSec"].removesuffix("s"))
    time.sleep(limit_s + 2)
    assert {unit: box.show(unit, "NRestarts", "MainPID") for unit in (TILL, HQ)} == before


def test_stopping_with_a_stuck_printer_ends_cleanly_within_the_drain(box: Container, token: str) -> None:
    box.write("/run/printer.py", STUCK_PRINTER)
    box.run("systemd-run", "--quiet", "--unit=stuck", "/opt/pos-agent/bin/python", "/run/printer.py")
    sale = box.call("POST", "/v1/sales", {**SALE, "sale_id": "sys-2"}, token)
    until(lambda: PRINTING in box.run("cat", "/proc/net/tcp"), 30, "never printing")
    time.sleep(1)  # the job is out, its completion is waited for
    under_way = [job for job, state in _states(box).items() if state == "sending"]
    assert under_way
    stop_s = timed(box, "systemctl", "stop", TILL)
    ended = box.show(TILL, "Result", "ExecMainStatus", "ActiveState")
    assert ended == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    assert any('"agent.stopped"' in line for line in box.journal(TILL).splitlines()[-4:]), "it ended by itself"
    assert stop_s < limits.DRAIN_S
    box.run("systemctl", "stop", "stuck")
    box.run("systemctl", "start", TILL)
    states = _states(box)
    assert {states[job] for job in under_way} == {"unconfirmed"}, f"bytes may have left: {states}"
    assert box.call("POST", "/v1/sales", {**SALE, "sale_id": "sys-2"}, token)["event"] == sale["event"]
    figures(stop_with_stuck_printer=stop_s)


def _states(box: Container) -> dict[str, str]:
    """Job states as the books hold them; read from a copy, because the till alone opens its books."""
    script = (
        "import json, shutil, sqlite3, tempfile, pathlib\n"
        "folder = pathlib.Path(tempfile.mkdtemp())\n"
        "for name in ('books.db', 'books.db-wal'):\n"
        "    shutil.copy(f'/var/lib/pos-agent/{name}', folder / name)\n"
        "books = sqlite3.connect(folder / 'books.db')\n"
        "print(json.dumps(dict(books.execute('SELECT job_id, state FROM print_jobs').fetchall())))\n"
    )
    answer: dict[str, str] = json.loads(box.run("/opt/pos-agent/bin/python", "-c", script))
    return answer


def test_stopping_does_not_wait_for_a_name_server_that_is_silent(box: Container) -> None:
    box.write("/run/dns.py", SILENT_DNS)
    box.run("systemd-run", "--quiet", "--unit=dns", "/usr/bin/python3", "/run/dns.py")
    box.write("/etc/resolv.conf", "nameserver 127.0.0.53\noptions timeout:20\n")
    box.write("/etc/pos-agent/agent.toml", CONFIG.replace("http://127.0.0.1:8788", "https://hq.example.com"))
    box.run("systemctl", "restart", TILL)
    time.sleep(1.5)  # it is looking the name up by now
    stop_s = timed(box, "systemctl", "stop", TILL)
    assert box.show(TILL, "Result")["Result"] == "success"
    assert stop_s < limits.DRAIN_S
    box.write("/etc/pos-agent/agent.toml", CONFIG)
    box.run("systemctl", "start", TILL)
    figures(stop_with_silent_dns=stop_s)


def test_a_wrong_configuration_ends_with_78_and_is_not_tried_again(box: Container) -> None:
    box.write("/etc/pos-agent/agent.toml", CONFIG + "[api]\nprot = 1\n")
    box.run("systemctl", "restart", TILL, check=False)
    time.sleep(3)
    ended = box.show(TILL, "ActiveState", "ExecMainStatus", "NRestarts", "SubState")
    assert ended == {"ActiveState": "failed", "SubState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}
    assert "did you mean port" in box.journal(TILL)
    box.write("/etc/pos-agent/agent.toml", CONFIG)
    box.run("systemctl", "start", TILL)


def test_books_and_keys_are_for_the_service_alone(box: Container) -> None:
    for folder in ("/var/lib/pos-agent", "/var/lib/pos-agent-hq", "/run/pos-agent", "/var/lib/pos-agent/keys"):
        assert box.run("stat", "-c", "%a", folder) == "700", folder
    for folder in ("/var/lib/pos-agent", "/var/lib/pos-agent-hq"):
        found = box.run("find", folder, "-type", "f", "-not", "-perm", "0600", "-printf", "%m %p\n").splitlines()
        assert [line for line in found if Path(line.split()[1]).name not in IMPORTED] == []
    assert "Permission denied" in _refused(box, "pos-agent-hq", "/var/lib/pos-agent")
    assert "Permission denied" in _refused(box, "pos-agent", "/var/lib/pos-agent-hq")


IMPORTED = ("rules", "items", "merchants", "members")  # laid there by these tests


def _refused(box: Container, user: str, folder: str) -> str:
    return box.run("sh", "-c", f"ls {folder} 2>&1", user=user, check=False)


def test_the_service_sees_no_home_and_writes_nowhere_else(box: Container) -> None:
    box.run("sh", "-c", "mkdir -p /home/cashier && echo secret > /home/cashier/file && chmod -R 755 /home/cashier")
    probe = ["nsenter", "-t", main_pid(box, TILL), "-m", "--setuid", "997", "--setgid", "997"]
    assert "secret" not in box.run(*probe, "sh", "-c", "cat /home/cashier/file 2>&1; ls -A /home /root", check=False)
    for place in ("/etc/pos-agent/x", "/opt/pos-agent/x", "/usr/x"):
        said = box.run(*probe, "sh", "-c", f"touch {place} 2>&1", check=False)
        assert "Read-only" in said or "denied" in said, place
    status = box.run("cat", f"/proc/{main_pid(box, TILL)}/status")
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    wanted: dict[str, Any] = {"CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1"}
    assert {name: facts[name].strip() for name in wanted} == wanted
    assert facts["Seccomp"].strip() == "2"
    assert facts["Umask"].strip() == "0077"
    limits_file = box.run("cat", f"/proc/{main_pid(box, TILL)}/limits")
    core = next(line for line in limits_file.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


def test_udev_understands_every_rule(box: Container) -> None:
    said = box.run("sh", "-c", "udevadm test --action=add /sys/class/mem/null 2>&1", check=False)
    lines = [line for line in said.splitlines() if "99-pos-agent.rules" in line]
    assert [line for line in lines if "Reading rules file" not in line] == []
    assert lines, "the rules were not read at all"


def test_installed_files_are_accepted_by_systemd(box: Container) -> None:
    said = box.run("sh", "-c", f"systemd-analyze verify {TILL} {HQ} 2>&1")
    assert said == ""
    assert box.run("sh", "-c", "systemd-tmpfiles --create pos-agent.conf 2>&1") == ""
    assert box.run("sh", "-c", "systemd-sysusers --dry-run pos-agent.conf 2>&1") == "", "the users are there already"
