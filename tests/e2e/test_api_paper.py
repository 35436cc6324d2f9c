"""Print jobs and the drawer over the API: what a POS has printed, copies, an audited drawer; on a TCP printer."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from agent.api.manage_answers import DeviceList, DrawerList, LeaseHoldings, ProofList, Today
from agent.api.paper_models import PrintJobsView, PrintJobView
from drivers.paper import render
from tests.api_till import CART, ApiTill, checked, problem, running
from tests.till_world import cash

PAGE: list[dict[str, Any]] = [
    {"kind": "text", "text": "厨房单", "align": "center", "scale": 2, "bold": True},
    {"kind": "rule"},
    {"kind": "pair", "left": "鲜榨橙汁", "right": "x2"},
    {"kind": "qr", "payload": "https://example.com/o/1"},
    {"kind": "feed", "lines": 2},
]


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("paper"), devices=True) as found:
        yield found


def queue(till: ApiTill, print_id: str, status: int = 201, **more: Any) -> dict[str, Any]:
    response = till.call("POST", "/v1/print-jobs", {"print_id": print_id, "blocks": PAGE, **more})
    assert response.status_code == status, response.text
    return checked(response, PrintJobView)


def ended(till: ApiTill, job_id: str) -> dict[str, Any]:
    async def poll() -> dict[str, Any]:
        while True:
            response = await till.client.get(f"/v1/print-jobs/{job_id}")
            job = checked(response, PrintJobView)
            if job["state"] not in ("queued", "sending"):
                return job
            await asyncio.sleep(0.02)

    return till.run(poll())


def paper(till: ApiTill) -> str:
    return render(b"".join(till.world.printer.jobs), columns=48)


def test_a_page_of_the_pos_is_printed_once_however_often_it_is_sent(till: ApiTill) -> None:
    before = paper(till).count("鲜榨橙汁")
    job = queue(till, "kitchen-1")
    assert ended(till, job["job_id"])["state"] == "confirmed"
    assert queue(till, "kitchen-1", 200)["job_id"] == job["job_id"]
    assert paper(till).count("鲜榨橙汁") == before + 1
    other = {"print_id": "kitchen-1", "blocks": PAGE[:1]}
    problem(till.call("POST", "/v1/print-jobs", other), 409, "PRINT_ID_CONFLICT", "print_id")
    problem(till.call("POST", "/v1/print-jobs", {**other, "printer": "attic"}), 404, "PRINTER_UNKNOWN")


def test_ids_of_pages_never_meet_ids_of_our_own_jobs(till: ApiTill) -> None:
    job = queue(till, "same")
    opened = till.call("POST", "/v1/drawer/open", {"drawer_id": "same", "operator": "101", "reason": "换零钱"})
    assert opened.status_code == 200
    assert opened.json()["job_id"] != job["job_id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"blocks": []}, "blocks"),
        ({"blocks": [{"kind": "drawer"}]}, "blocks.0"),
        ({"blocks": [{"kind": "text", "text": "x", "scale": 9}]}, "blocks.0.text.scale"),
        ({"blocks": [{"kind": "text", "text": "x", "font": "A"}]}, "blocks.0.text.font"),
        ({"print_id": "no spaces"}, "print_id"),
    ],
)
def test_a_page_that_makes_no_sense_is_refused_by_field(till: ApiTill, change: dict[str, Any], field: str) -> None:
    body = {"print_id": till.fresh("page"), "blocks": PAGE, **change}
    problem(till.call("POST", "/v1/print-jobs", body), 422, "INVALID_REQUEST", field)
    problem(till.call("GET", f"/v1/print-jobs/pos:{body['print_id'].replace(' ', '')}"), 404, "PRINT_JOB_UNKNOWN")


def test_receipts_stand_in_the_same_ledger_and_are_printed_again_marked(till: ApiTill) -> None:
    quote = till.quote(CART)
    till.sell([cash(quote["payable_fen"])], quote_id=quote["quote_id"], paper="receipt")
    (receipt,) = [
        one
        for one in checked(till.call("GET", "/v1/print-jobs?limit=2"), PrintJobsView)["jobs"]
        if one["kind"] == "receipt"
    ]
    assert ended(till, receipt["job_id"])["state"] == "confirmed"
    response = till.call("POST", f"/v1/print-jobs/{receipt['job_id']}/reprint")
    assert response.status_code == 201
    copy = checked(response, PrintJobView)
    assert copy["reprint_of"] == receipt["job_id"]
    assert ended(till, copy["job_id"])["state"] == "confirmed"
    assert "补打" in paper(till)
    problem(till.call("POST", "/v1/print-jobs/none/reprint"), 404, "PRINT_JOB_UNKNOWN")


def test_the_drawer_opens_once_and_who_and_why_are_kept(till: ApiTill) -> None:
    ask = {"drawer_id": "d-1", "operator": "101", "reason": "换零钱"}
    first = checked(till.call("POST", "/v1/drawer/open", ask), PrintJobView)
    assert ended(till, first["job_id"])["state"] in ("sent", "confirmed")
    pulses = b"".join(till.world.printer.jobs).count(b"\x1bp")
    assert pulses >= 1
    assert till.call("POST", "/v1/drawer/open", ask).json()["job_id"] == first["job_id"]
    assert b"".join(till.world.printer.jobs).count(b"\x1bp") == pulses
    rows = checked(till.call("GET", "/v1/manage/drawer-openings"), DrawerList)["openings"]
    (mine,) = [one for one in rows if one["job_id"] == first["job_id"]]
    assert (mine["operator"], mine["reason"], mine["app"]) == ("101", "换零钱", "test POS")
    problem(till.call("POST", f"/v1/print-jobs/{first['job_id']}/reprint"), 409, "DRAWER_NOT_REPRINTABLE")
    problem(till.call("POST", "/v1/drawer/open", {**ask, "reason": ""}), 422, "INVALID_REQUEST", "reason")


# --- the manager's figures ------------------------------------------------------------------------------------------
def test_todays_figures_follow_each_sale(till: ApiTill) -> None:
    before = checked(till.call("GET", "/v1/manage/today"), Today)
    quote = till.quote(CART)
    till.sell([cash(quote["payable_fen"])], quote_id=quote["quote_id"], paper="none")
    after = checked(till.call("GET", "/v1/manage/today"), Today)
    assert after["events"]["sale"] == before["events"].get("sale", 0) + 1
    assert after["payable_fen"]["sale"] - before["payable_fen"].get("sale", 0) == quote["payable_fen"]
    assert after["tenders_fen"]["cash"] - before["tenders_fen"].get("cash", 0) == quote["payable_fen"]


def test_a_manager_sees_devices_rights_and_proofs_and_prints_a_test_page(till: ApiTill) -> None:
    devices = checked(till.call("GET", "/v1/manage/devices"), DeviceList)["devices"]
    assert {(one["kind"], one["name"]) for one in devices} == {("scanner", "counter"), ("printer", "receipt")}
    printed = till.call("POST", "/v1/manage/printers/receipt/test")
    assert ended(till, printed.json()["job_id"])["state"] == "confirmed"
    problem(till.call("POST", "/v1/manage/printers/attic/test"), 404, "PRINTER_UNKNOWN")
    checked(till.call("GET", "/v1/manage/leases"), LeaseHoldings)
    assert till.call("POST", "/v1/manage/reconcile").json()["equal"]
    assert checked(till.call("GET", "/v1/manage/proofs"), ProofList)["proofs"][0]["result"] == "equal"
    problem(till.call("POST", "/v1/manage/differences/1/explain", {"why": "counted", "by": "店长"}), 404,
            "DISCREPANCY_UNKNOWN")  # fmt: skip


def test_metrics_are_prometheus_text_and_name_nobody(till: ApiTill) -> None:
    text = till.call("GET", "/metrics").text
    assert "pos_agent_ready 1.0" in text
    assert 'pos_agent_component_up{component="printer receipt"} 1.0' in text
    assert 'pos_agent_outbox_events{state="pending"}' in text
    assert "m_" not in text.replace("from_", "")
