"""Every call of docs/openapi.json, with values at and beyond each bound, against the running till (schemathesis).

No 5xx, nothing that the document does not tell of - status, code, media type, schema, `Allow` -, no malformed request
taken, no call without its token. The deep search is tests/long/test_api_fuzz.py.
"""

from pathlib import Path

from agent.api.document import till_api
from tests.api_fuzz import STREAM, Plan, fuzzed
from tests.browser import served_till

CASES = 1_500
"""What the systematic phase makes of the document at least; much less would mean that it was not understood."""
REFUSED_ONLY = {
    # What they need must come from another call's answer, or from a person.
    "POST /v1/pair", "POST /v1/sign-in", "POST /v1/manage/members/birthday", "POST /v1/manage/training",
    "POST /v1/manage/differences/{number}/explain", "POST /v1/manage/freezes/{member_id}/lift",
    "POST /v1/recharges/{recharge_id}/cancel", "POST /v1/count-cards/{card_id}/use",
    "POST /v1/count-cards/{card_id}/return", "POST /v1/count-cards/{card_id}/refund",
    "POST /v1/members/verify/sms",  # a gateway of the brand's
    "POST /v1/print-jobs/{job_id}/reprint", "DELETE /v1/manage/operators/{operator}", "DELETE /v1/quotes/{quote_id}",
}  # fmt: skip


def test_every_call_keeps_to_the_document_at_every_bound(tmp_path: Path) -> None:
    (tmp_path / "till").mkdir()
    with served_till(tmp_path / "till") as served:
        found = fuzzed(served, tmp_path, Plan(("coverage",), examples=1))
    assert found.code == 0, found.said
    calls = {
        f"{method.upper()} {path}" for path, methods in till_api().openapi()["paths"].items() for method in methods
    }
    assert set(found.met) == calls - {f"GET {STREAM}"}
    assert sum(met.total() for met in found.met.values()) > CASES
    done = {call for call, met in found.met.items() if any(status < 300 for status in met)}
    assert calls - done - REFUSED_ONLY == {f"GET {STREAM}"}
