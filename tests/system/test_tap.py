"""The tap's unit in a booted system: receipts of the POS come out with no daemon, with a dead one and with one that
answers; the tap is started again when it dies or hangs, ends in order, and sees no more than it needs.

Tests build on each other, from the top.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any

from agent.demo import world as chain
from tests.system.container import Container
from tests.system.test_systemd import main_pid, restarted, timed, until
from tests.tap_world import receipt

TAP, TILL, HQ = "pos-agent-tap.service", "pos-agent.service", "pos-agent-hq.service"
PAPER = "/run/paper"
CONFIG = """
[printer]
kind = "tcp"
host = "127.0.0.1"
port = 9101
[listen]
port = 9100
"""
TILL_CONFIG = '[hq]\nurl = "http://127.0.0.1:8788"\n'
# A printer whose every job becomes a file.
PRINTER = f"""
import itertools, pathlib, socketserver
folder = pathlib.Path("{PAPER}")
folder.mkdir(exist_ok=True)
number = itertools.count()
class Job(socketserver.StreamRequestHandler):
    def handle(self):
        job = self.rfile.read()
        part = folder / f".{{next(number):04d}}"
        part.write_bytes(job)
        part.rename(folder / part.name[1:])
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", 9101), Job).serve_forever()
"""
PRINTER_LISTENS = f"0100007F:{9101:04X} 00000000:0000 0A"
# The POS: prints what it is given, and closes.
POS = """
import base64, socket, sys
with socket.create_connection(("127.0.0.1", 9100), timeout=10) as to:
    to.sendall(base64.b64decode(sys.argv[1]))
    to.shutdown(socket.SHUT_WR)
    while to.recv(4096):
        pass
"""


def printed(box: Container, job: bytes) -> bytes:
    """Print as the POS does; what is on paper then."""
    before = set(papers(box))
    box.run("python3", "/run/pos.py", base64.b64encode(job).decode())
    until(lambda: set(papers(box)) != before, 15, "nothing came out of the printer")
    (new,) = set(papers(box)) - before
    return box.path(f"{PAPER}/{new}").read_bytes()


def papers(box: Container) -> list[str]:
    return box.run("ls", PAPER).split()


def test_receipts_come_out_where_the_daemon_was_never_started(box: Container) -> None:
    box.write("/run/printer.py", PRINTER)
    box.write("/run/pos.py", POS)
    box.run("systemd-run", "--quiet", "--unit=printer", "python3", "/run/printer.py")
    until(lambda: PRINTER_LISTENS in box.run("cat", "/proc/net/tcp"), 20, "no printer")
    box.write("/etc/pos-agent/tap.toml", CONFIG)
    start_s = timed(box, "systemctl", "start", TAP)
    assert box.show(TAP, "ActiveState", "Type") == {"ActiveState": "active", "Type": "notify"}
    assert printed(box, receipt()) == receipt()
    print(f"MEASURED tap_start {start_s:.2f} s")


def test_it_is_started_again_when_it_is_killed_and_when_it_hangs(box: Container) -> None:
    for signal, limit_s in (("KILL", 15), ("STOP", 40)):
        pid = main_pid(box, TAP)
        box.run("systemctl", "kill", "--kill-whom=main", f"--signal={signal}", TAP)
        back_s = until(lambda pid=pid: restarted(box, TAP, pid), limit_s, f"not back after {signal}")  # type: ignore[misc]
        assert printed(box, receipt()) == receipt()
        print(f"MEASURED tap_ready_after_{signal.lower()} {back_s:.2f} s")


def test_with_the_daemon_it_appends_and_when_that_is_down_it_forwards(box: Container, tmp_path: Path) -> None:
    """The daemon's life is no part of the tap's: not ordered after it, not stopped with it, not restarted by it."""
    enrolled_till(box, tmp_path)
    pid = main_pid(box, TAP)
    until(lambda: len(printed(box, receipt())) > len(receipt()), 60, "nothing is appended")
    for down in (("stop", TILL), ("kill", "--signal=KILL", TILL)):
        box.run("systemctl", *down)
        assert printed(box, receipt("31.00")) == receipt("31.00"), down
        box.run("systemctl", "restart", TILL)
    until(lambda: len(printed(box, receipt("41.00"))) > len(receipt()), 60, "nothing is appended any more")
    assert main_pid(box, TAP) == pid
    box.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", TILL)
    assert printed(box, receipt("51.00")) == receipt("51.00"), "a daemon that hangs holds no receipt back"


def enrolled_till(box: Container, folder: Path) -> None:
    """HQ with a join page, and a till of it, both running."""
    box.run("pos-agent", "hq", "init", chain.BRAND, chain.BRAND_NAME, "--join-url", chain.JOIN_URL, user="pos-agent-hq")
    station = ("pos-agent", "hq", "enrol", chain.STORE, chain.WORKSTATION, "--name", chain.STORE_NAME)
    code = box.run(*station, "--brand", chain.BRAND, user="pos-agent-hq")
    box.run("systemctl", "start", HQ)
    files = chain.write_files(folder, 20)
    texts = {what: files[what].read_text(encoding="utf-8") for what in ("items", "merchants", "members")}
    for what, text in {"rules": json.dumps(chain.RULES, ensure_ascii=False), **texts}.items():
        file = f"/var/lib/pos-agent-hq/{what}"
        box.write(file, text)
        box.run("pos-agent", "hq", "import", what, file, "--brand", chain.BRAND, user="pos-agent-hq")
    box.write("/etc/pos-agent/agent.toml", TILL_CONFIG)
    box.run("pos-agent", "enrol", code, user="pos-agent")
    box.run("systemctl", "start", TILL)


def test_stopping_it_ends_in_order_and_in_time(box: Container) -> None:
    stop_s = timed(box, "systemctl", "stop", TAP)
    ended = box.show(TAP, "Result", "ExecMainStatus", "ActiveState")
    assert ended == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    box.run("systemctl", "start", TAP)
    print(f"MEASURED tap_stop {stop_s:.2f} s")


def test_a_wrong_configuration_ends_with_78_and_is_not_tried_again(box: Container) -> None:
    box.write("/etc/pos-agent/tap.toml", CONFIG + "prot = 1\n")
    box.run("systemctl", "restart", TAP, check=False)
    until(lambda: box.show(TAP, "ActiveState")["ActiveState"] == "failed", 20, "it is tried again")
    assert box.show(TAP, "ExecMainStatus", "NRestarts") == {"ExecMainStatus": "78", "NRestarts": "0"}
    box.write("/etc/pos-agent/tap.toml", CONFIG)
    box.run("systemctl", "start", TAP)


def test_it_sees_no_books_no_keys_no_home_and_writes_nowhere(box: Container) -> None:
    inside = ["nsenter", "-t", main_pid(box, TAP), "-m", "--setuid", "997", "--setgid", "997"]
    for secret in (
        "/var/lib/pos-agent/books.db",
        "/var/lib/pos-agent/replica.db",
        "/var/lib/pos-agent/keys/device.key",
    ):
        box.run("test", "-s", secret)
        assert "denied" in box.run(*inside, "sh", "-c", f"head -c 1 {secret} 2>&1", check=False), secret
    for place in ("/etc/pos-agent/x", "/opt/pos-agent/x", "/var/lib/pos-agent-hq/x", "/usr/x"):
        said = box.run(*inside, "sh", "-c", f"touch {place} 2>&1", check=False)
        assert "Read-only" in said or "denied" in said, place
    status = box.run("cat", f"/proc/{main_pid(box, TAP)}/status")
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    wanted: dict[str, Any] = {"CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1"}
    assert {name: facts[name].strip() for name in wanted} == wanted
    assert (facts["Seccomp"].strip(), facts["Umask"].strip()) == ("2", "0077")


def test_it_is_no_more_exposed_than_the_daemon(box: Container) -> None:
    scores = {unit: exposure(box, unit) for unit in (TAP, TILL)}
    print(f"MEASURED exposure {scores}")
    assert scores[TAP] <= scores[TILL] <= 1.5
    assert box.run("sh", "-c", f"systemd-analyze verify {TAP} 2>&1") == ""


def exposure(box: Container, unit: str) -> float:
    """What systemd-analyze makes of a unit."""
    said = box.run("systemd-analyze", "security", "--no-pager", unit, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    return float(found[1])
