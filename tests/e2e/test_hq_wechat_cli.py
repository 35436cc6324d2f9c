"""`pos-agent hq wechat ...`: keys entered from files, shown nowhere; a bill checked; troubles told. HQ down and up."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli.whole import app
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from sync.hq.places import SOCKET
from sync.hq.server import HqServer
from tests.unit.wechat_bills import bill, row
from tests.unit.wechat_world import PAID
from tests.wechat_stand_in import WechatStandIn


@pytest.fixture(scope="module")
def wechat() -> Iterator[WechatStandIn]:
    with WechatStandIn() as stand_in:
        yield stand_in


def run(data: Path, *words: str, stdin: str = "", code: int = 0) -> str:
    done = CliRunner().invoke(app, ["hq", *words, "--data", str(data)], input=stdin)
    assert done.exit_code == code, (words, done.output, done.exception)
    return done.output


@pytest.fixture
def data(tmp_path: Path) -> Path:
    run(tmp_path / "hq", "init", "tea", "茶铺", "--join-url", "https://example.com/join")
    return tmp_path / "hq"


def entered(data: Path, wechat: WechatStandIn, folder: Path) -> None:
    for name, content in (
        ("v2.key", wechat.v2_key), ("v3.key", wechat.v3_key + "\n"), ("apiclient_key.pem", wechat.merchant_pem),
        ("pub_key.pem", wechat.wechat_pem),
    ):  # fmt: skip
        (folder / name).write_text(content)
    said = run(
        data, "wechat", "add", wechat.mch_id, wechat.appid, "--v2-key-file", str(folder / "v2.key"),
        "--v3-key-file", str(folder / "v3.key"), "--private-key", str(folder / "apiclient_key.pem"),
        "--serial", wechat.serial, "--base-url", wechat.url,
    )  # fmt: skip
    assert "sealed" in said
    run(data, "wechat", "trust", wechat.mch_id, wechat.wechat_serial, str(folder / "pub_key.pem"))


def test_keys_are_entered_and_shown_nowhere(data: Path, wechat: WechatStandIn, tmp_path: Path) -> None:
    assert "no merchant is entered" in run(data, "wechat", "list")
    entered(data, wechat, tmp_path)
    run(data, "wechat", "sub", wechat.mch_id, wechat.sub_mch_id, wechat.sub_appid)
    said = run(data, "wechat", "list")
    assert f"{wechat.mch_id}  service provider  keys: v2, v3  trusts: {wechat.wechat_serial}" in said
    held = b"".join(path.read_bytes() for path in data.iterdir() if path.name != "hq.key")
    for secret in (wechat.v2_key, wechat.v3_key, wechat.merchant_pem.splitlines()[2]):
        assert secret not in said
        assert secret.encode() not in held
    (tmp_path / "short.key").write_text("short")
    said = run(data, "wechat", "add", "1", "wx1", "--v2-key-file", str(tmp_path / "short.key"), code=1)
    assert "Traceback" not in said
    run(data, "wechat", "add", "1", "wx1", "--v2-key-file", str(tmp_path / "none"), code=78)
    run(data, "wechat", "trust", wechat.mch_id, "PUB_KEY_ID_1", code=78)


def test_a_bill_that_differs_ends_with_exit_code_3(data: Path, wechat: WechatStandIn, tmp_path: Path) -> None:
    entered(data, wechat, tmp_path)
    wechat.bills["2026-09-21"] = bill(row(PAID, "12.80"))
    said = run(data, "wechat", "bill", wechat.mch_id, "--date", "2026-09-21", code=3)
    assert "1 payments, 12.80 yuan" in said
    assert "BILL_NOT_IN_BOOKS" in said
    assert PAID in run(data, "wechat", "differences")
    assert "nothing differs" in run(data, "wechat", "differences", wechat.mch_id, "--date", "2026-09-20")
    (tmp_path / "empty.csv").write_bytes(bill())
    run(data, "wechat", "bill", wechat.mch_id, "--date", "2026-09-20", "--file", str(tmp_path / "empty.csv"))


def test_troubles_name_who_must_act(
    data: Path, wechat: WechatStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entered(data, wechat, tmp_path)
    try:
        for said, kind in (("SIGN_ERROR/401", "signature: SIGN_ERROR"), ("NO_AUTH/403", "permission: NO_AUTH")):
            wechat.mischief = f"refuse:{said}"
            run(data, "wechat", "bill", wechat.mch_id, "--date", "2026-09-21", code=1)
            assert f"trouble: {kind}" in run(data, "wechat", "list")
    finally:
        wechat.mischief = ""


def test_join_links_and_cards(data: Path, wechat: WechatStandIn, tmp_path: Path) -> None:
    entered(data, wechat, tmp_path)
    assert run(data, "wechat", "join", "--brand", "tea", "S1") == "https://example.com/join?s=S1\n"
    run(data, "wechat", "card", "--brand", "tea", "--generation", "open", "--mch", wechat.mch_id, "--card", "pbL")
    assert run(data, "wechat", "join", "--brand", "tea", "S1") == "https://qr.example.com/pbL?o=S1\n"
    run(data, "wechat", "link-card", "--brand", "tea", "100000000001", stdin="478515832665\n\n0\n", code=1)


def test_a_running_hq_does_it_over_its_socket(data: Path, wechat: WechatStandIn, tmp_path: Path) -> None:
    async def serving(work: Any) -> None:
        hq = await open_hq(data, SystemClock(), SystemEntropy())
        server = HqServer(hq, admin_socket=data / SOCKET)
        await server.start()
        try:
            await asyncio.get_running_loop().run_in_executor(None, work)
        finally:
            await server.stop()

    def work() -> None:
        entered(data, wechat, tmp_path)
        assert wechat.wechat_serial in run(data, "wechat", "list")
        wechat.bills["2026-09-22"] = bill(row(PAID, "1.00", day="2026-09-22"))
        said = run(data, "wechat", "bill", wechat.mch_id, "--date", "2026-09-22", code=3)
        assert "BILL_NOT_IN_BOOKS" in said
        assert run(data, "wechat", "join", "--brand", "tea", "S1").startswith("https://example.com/join")

    asyncio.run(asyncio.wait_for(serving(work), 120))
