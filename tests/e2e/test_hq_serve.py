"""HQ as a process of its own: it stops on SIGTERM, and SIGKILL costs nothing that was acknowledged (promise 1)."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from sync.protocol import BatchAnswer, EnrolRequest, ProofAnswer, ProofRequest
from tests.unit.test_hq_world import STORE, Till, import_members, open_world

_SERVE = """
import asyncio, sys
from pathlib import Path
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import serve
asyncio.run(serve(Path(sys.argv[1]), SystemClock(), SystemEntropy(), host="127.0.0.1", port=0,
                  started=lambda url: print(url, flush=True)))
"""


@contextmanager
def served(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen([sys.executable, "-c", _SERVE, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


async def prepare(path: Path, till: Till) -> str:
    """Make HQ, enrol the till, and give a member's id."""
    hq = await open_world(path / "hq")
    code = await hq.add_workstation(STORE, till.workstation_id)
    await hq.redeem(EnrolRequest(code=code, public_key=till.public_key))
    [member_id] = await import_members(hq, path / "members.csv", 1)
    await hq.close()
    return member_id


def send(client: httpx.Client, till: Till, path: str, body: bytes) -> httpx.Response:
    made = till.request(httpx.AsyncClient(base_url=client.base_url, trust_env=False), "POST", path, body)
    return client.post(path, content=body, headers={"Authorization": made.headers["Authorization"]})


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    with served(tmp_path / "hq") as (process, url):
        assert httpx.get(f"{url}/healthz", trust_env=False).json()["status"] == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert not (tmp_path / "hq" / "hq.db-wal").exists()


def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    till, path = Till(), "/v1/workstations/S1-1/batches"
    member_id = asyncio.run(prepare(tmp_path, till))
    events = [till.book(member=member_id, points=1) for _ in range(400)]
    acknowledged = 0
    with served(tmp_path / "hq") as (process, url), httpx.Client(base_url=url, trust_env=False) as client:
        enough = threading.Event()

        def kill() -> None:
            enough.wait(30)
            process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            for start in range(0, 400, 4):
                body = till.batch(events[start : start + 4]).model_dump_json().encode()
                acknowledged = BatchAnswer.model_validate_json(send(client, till, path, body).content).watermark
                if acknowledged >= 40:
                    enough.set()
        except httpx.TransportError:
            pass
        enough.set()
        killer.join()
    with served(tmp_path / "hq") as (_process, url), httpx.Client(base_url=url, trust_env=False) as client:
        verdicts = []
        for start in range(0, 400, 100):
            body = till.batch(events[start : start + 100]).model_dump_json().encode()
            answer = BatchAnswer.model_validate_json(send(client, till, path, body).content)
            verdicts += [verdict.verdict.value for verdict in answer.verdicts]
        held = verdicts.count("exists")
        assert verdicts == ["exists"] * held + ["created"] * (400 - held)
        # What was being written at the end may have been kept without an answer: one batch at most.
        assert acknowledged <= held <= acknowledged + 4
        asked = ProofRequest(epoch="e1", count=400, head=till.head.hex()).model_dump_json().encode()
        proof = send(client, till, "/v1/workstations/S1-1/proof", asked)
        assert ProofAnswer.model_validate_json(proof.content).equal
