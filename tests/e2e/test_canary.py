"""Promise 11: after a day's work no payment code, openid, phone or card number stands in a file or log of the till."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from agent import logs
from agent.demo.world import BRAND
from tests.api_till import ApiTill, problem, running, someone
from tests.sse import listening
from tests.state_files import found_in_files
from tests.till_world import cash

WECHAT_CODE, ALIPAY_CODE = "134650061098828009", "281234567890123456"
PIN = "482913"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log as production writes it."""
    written, root = io.StringIO(), logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("pos_agent").level)
    logs.configure(written)
    yield written
    root.handlers[:], level, own = before
    root.setLevel(level)
    logging.getLogger("pos_agent").setLevel(own)
    structlog.reset_defaults()


def work(till: ApiTill) -> list[str]:
    """Everything that touches a secret, on a till with scanner and printer; gives the secrets."""
    gold, silver = someone("gold"), someone("silver")
    stranger, raw = till.wechat(1980)
    dynamic = till.run(till.world.server.hq.issue_dynamic_code(BRAND, silver.number))

    async def scans() -> None:
        async with listening(till.client) as ear:
            for code in (WECHAT_CODE, ALIPAY_CODE, gold.number, dynamic, f"{gold.phone}é"):
                till.world.scanner.scan(code)
                kind = "scan.unreadable" if "é" in code else ""
                while not (await ear.one(kind)).kind.startswith(("scan.payment_code", "scan.member", "scan.unread")):
                    pass

    till.run(scans())
    who = till.call("POST", "/v1/members/resolve", {"last_scan": True}).json()["identification_id"]
    till.sell([cash(1782)], lines=[{"code": "10001"}], identification_id=who)
    for answer in (raw, till.wechat(1980, gold)[1], till.wechat(1980, silver, v3=True)[1]):
        tender = {"type": "wechat", "amount_fen": 1980}
        till.sell([tender], lines=[{"code": "10001"}], identification_id=till.paid(answer)["identification_id"])
    for phone in (gold.phone, f"+86 {silver.phone}", "19912345678"):
        assert till.call("POST", "/v1/members/resolve", {"phone": phone}).status_code in (200, 404, 409)
    till.run(till.world.server.hq.members.verifying.set_by_operator(BRAND, gold.number, PIN))
    for pin in (PIN, "905371"):
        body = {"identification_id": till.resolve(gold.number)["identification_id"], "pin": pin}
        assert till.call("POST", "/v1/members/verify", body).status_code in (200, 409)
    for code in (WECHAT_CODE, ALIPAY_CODE, gold.phone):
        assert till.call("POST", "/v1/members/resolve", {"code": code}).status_code in (404, 409)
    till.sell([cash(100)], lines=[{"code": ALIPAY_CODE, "charged_fen": 100}])
    refused = {"sale_id": "x", "tenders": [cash(1)], "openid": gold.openid, "auth_code": WECHAT_CODE}
    problem(till.call("POST", "/v1/sales", refused), 422, "INVALID_REQUEST")
    problem(till.call("POST", "/v1/payments/wechat", {"raw": raw[:-3]}), 422, "WECHAT_RESULT_UNREADABLE")
    till.run(till.world.agent.daemon.reconcile())
    openids = [gold.openid, gold.sub_openid, silver.openid, silver.sub_openid]
    pins = [f'"{PIN}"', '"905371"']  # six bare digits may stand in any hash
    phones = [gold.phone, silver.phone, "19912345678"]
    return [WECHAT_CODE, ALIPAY_CODE, gold.number, *phones, *pins, dynamic, *openids, f"oStranger{stranger}"]


def test_no_secret_reaches_a_file_or_the_log_in_plaintext(
    tmp_path_factory: pytest.TempPathFactory, log: io.StringIO
) -> None:
    folder = tmp_path_factory.mktemp("canary")
    with running(folder, devices=True) as till:
        secrets = work(till)
        alive = found_in_files(folder / "till", secrets)  # with a WAL full of recent writes
        store = found_in_files(folder / "till", ["sale.recorded", "10001"])
    assert store, "the search must be able to find something"
    assert alive == []
    assert found_in_files(folder / "till", secrets) == []  # folded into the file
    assert "sale.recorded" in log.getvalue()
    assert [secret for secret in secrets if secret in log.getvalue()] == []
