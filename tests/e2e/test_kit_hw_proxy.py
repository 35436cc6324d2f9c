"""A client that speaks exactly what Odoo's point of sale speaks to its box gets status, paper and the drawer."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from drivers.simulated import Fault
from tests.api_till import ApiTill, running

ORIGIN = "https://shop.example.com"


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    extra = f'[hw_proxy]\nport = 0\nallowed_origins = ["{ORIGIN}"]\n'
    with running(tmp_path_factory.mktemp("box"), devices=True, extra=extra) as till:
        yield till


def box(till: ApiTill) -> str:
    return f"http://127.0.0.1:{till.world.agent.hw_proxy_port}"


def call(till: ApiTill, method: str, path: str, **more: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            return await http.request(method, box(till) + path, **more)

    return till.run(ask())


def rpc(till: ApiTill, name: str, params: dict[str, Any], number: int = 7) -> Any:
    """JSON-RPC as @web/core/network/rpc sends it."""
    body = {"id": number, "jsonrpc": "2.0", "method": "call", "params": params}
    answer = call(till, "POST", f"/hw_proxy/{name}", json=body, headers={"Origin": ORIGIN})
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    said = answer.json()
    assert (said["jsonrpc"], said["id"]) == ("2.0", number)
    return said["result"] if "result" in said else said["error"]


def receipt(width: int = 512, height: int = 300, shade: int = 0, kind: str = "JPEG") -> str:
    """A receipt as html2canvas makes it: a black bar of 100 x 50 at the top left."""
    picture = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(picture).rectangle((0, 0, 99, 49 + shade), fill="black")
    out = io.BytesIO()
    picture.save(out, kind, quality=95)
    return base64.b64encode(out.getvalue()).decode()


def printed(till: ApiTill, seen: int) -> bytes:
    return till.run(till.world.printer.wait_job(seen + 1, timeout=15))


def test_connecting_as_the_hardware_proxy_service_does(till: ApiTill) -> None:
    hello = call(till, "GET", "/hw_proxy/hello", headers={"Origin": ORIGIN})
    assert (hello.status_code, hello.text) == (200, "ping")
    asks = {
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
        "Access-Control-Request-Private-Network": "true",
    }  # fmt: skip
    preflight = call(till, "OPTIONS", "/hw_proxy/handshake", headers=asks)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-private-network"] == "true"
    assert "Content-Type" in preflight.headers["access-control-allow-headers"]
    assert rpc(till, "handshake", {}) is True
    for _ in range(200):  # connecting, until the printer was asked for the first time
        drivers = rpc(till, "status_json", {})
        if drivers["printer"]["status"] != "connecting":
            break
    assert {name: one["status"] for name, one in drivers.items()} == {
        "printer": "connected", "escpos": "connected", "scanner": "disconnected"}  # fmt: skip
    assert rpc(till, "scanner", {}) is None


@pytest.mark.parametrize(("kind", "shade"), [("JPEG", 0), ("PNG", 8)])
def test_a_receipt_picture_is_on_paper_as_raster(till: ApiTill, kind: str, shade: int) -> None:
    seen = len(till.world.printer.jobs)
    data = {"action": "print_receipt", "receipt": receipt(shade=shade, kind=kind)}
    assert rpc(till, "default_printer_action", {"data": data}) is True
    paper = printed(till, seen)
    at = paper.index(b"\x1dv0\x00")
    row_bytes, rows = int.from_bytes(paper[at + 4 : at + 6], "little"), int.from_bytes(paper[at + 6 : at + 8], "little")
    assert (row_bytes, rows) == (4 + 64, 255)  # 512 dots in the middle of 576
    bits = paper[at + 8 : at + 8 + row_bytes * rows]
    ink = sum(byte.bit_count() for byte in bits)
    assert abs(ink - 100 * (50 + shade)) < 200
    assert bits[:4] == bytes(4)
    assert bits[4:16] == b"\xff" * 12
    assert paper.count(b"\x1dv0\x00") == 2  # 300 rows are two bands
    assert paper.rstrip(b"\n").endswith(b"\x1dVB\x00")


def test_a_retry_of_the_same_receipt_is_one_page(till: ApiTill) -> None:
    """Pains 16: the client's timeout must not print twice; another receipt must."""
    seen = len(till.world.printer.jobs)
    for shade in (20, 20, 21):
        data = {"action": "print_receipt", "receipt": receipt(shade=shade)}
        assert rpc(till, "default_printer_action", {"data": data}) is True
    printed(till, seen + 1)
    jobs = till.call("GET", "/v1/print-jobs").json()["jobs"]
    assert len(till.world.printer.jobs) == seen + 2
    assert jobs[0]["job_id"].startswith("pos:own_")


def test_wide_pictures_are_scaled_to_the_paper(till: ApiTill) -> None:
    seen = len(till.world.printer.jobs)
    assert rpc(till, "print_receipt", {"receipt": receipt(1152, 200)}) is True
    paper = printed(till, seen)
    at = paper.index(b"\x1dv0\x00")
    assert (paper[at + 4], paper[at + 6]) == (72, 100)


def test_xml_of_older_versions(till: ApiTill) -> None:
    seen = len(till.world.printer.jobs)
    xml = """<receipt align="center" width="40"><h2>水果店</h2><div>Order 0001</div><line line-ratio="0.6">
        <left>Orange</left><right><value value-decimals="2">12.5</value></right></line><hr/>
        <p>Thank you</p><cut/></receipt>"""
    assert rpc(till, "print_xml_receipt", {"receipt": xml}) is True
    paper = printed(till, seen)
    for text in ("水果店", "Order 0001", "Orange", "12.50", "Thank you"):
        assert text.encode("gbk") in paper


@pytest.mark.parametrize("by", ["open_cashbox", "default_printer_action"])
def test_the_drawer_opens_once_for_each_call_and_is_audited(till: ApiTill, by: str) -> None:
    seen = len(till.world.printer.jobs)
    assert rpc(till, by, {} if by == "open_cashbox" else {"data": {"action": "cashbox"}}) is True
    assert b"\x1bp\x00" in printed(till, seen)
    openings = till.call("GET", "/v1/manage/drawer-openings").json()
    assert ORIGIN in json.dumps(openings)


@pytest.mark.parametrize("wrong", ["", "not base64!", "aGVsbG8=", receipt(8, 20_000)])
def test_what_is_no_receipt_is_an_error_and_no_paper(till: ApiTill, wrong: str) -> None:
    seen = len(till.world.printer.jobs)
    said = rpc(till, "default_printer_action", {"data": {"action": "print_receipt", "receipt": wrong}})
    assert (said["code"], said["message"]) == (200, "Odoo Server Error")
    assert rpc(till, "print_xml_receipt", {"receipt": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'})["code"] == 200
    assert rpc(till, "default_printer_action", {"data": {"action": "display"}}) is False
    assert len(till.world.printer.jobs) == seen


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": ORIGIN + ":8443"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Origin": ORIGIN, "Host": "shop.example.com"}, 403),
        ({"Origin": ORIGIN, "Content-Type": "text/plain"}, 415),
    ],
)
def test_the_door_is_narrow(till: ApiTill, headers: dict[str, str], status: int) -> None:
    seen = len(till.world.printer.jobs)
    body = {"id": 1, "jsonrpc": "2.0", "method": "call", "params": {}}
    sent = {"Content-Type": "application/json", **headers}
    answer = call(till, "POST", "/hw_proxy/open_cashbox", content=json.dumps(body), headers=sent)
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") in (None, ORIGIN)
    assert len(till.world.printer.jobs) == seen


def test_it_sells_nothing(till: ApiTill) -> None:
    for path in ("/v1/hello", "/v1/sales", "/hw_proxy/payment_request"):
        assert call(till, "POST", path, json={}, headers={"Origin": ORIGIN}).status_code == 404
    assert call(till, "GET", "/hw_proxy/open_cashbox", headers={"Origin": ORIGIN}).status_code == 404


def test_paper_out_is_told_as_disconnected_with_the_reason(till: ApiTill) -> None:
    till.world.printer.fault = Fault.PAPER_OUT
    data = {"action": "print_receipt", "receipt": receipt(shade=30)}
    assert rpc(till, "default_printer_action", {"data": data}) is True  # queued: it waits for paper
    for _ in range(200):
        told = rpc(till, "status_json", {})["printer"]
        if told["status"] == "disconnected":
            break
    till.world.printer.fault = Fault.NONE
    assert (told["status"], told["messages"][0].partition(":")[0]) == ("disconnected", "PRINTER_PAPER_OUT")


def test_off_without_origins(tmp_path: Path) -> None:
    with running(tmp_path) as plain:
        assert plain.world.agent.hw_proxy_port == 0
