"""What is no WeChat answer is refused, and never repeated (facts/wechat.md G.3)."""

import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import Refusal
from agent.limits import WECHAT_RESULT_BYTES
from sync.wechat.results import read
from sync.wechat.states import State
from tests.unit.wechat_samples import (
    CANARY,
    MICROPAY,
    micropay,
    partner,
    refused,
    xml,
)

# --- what is refused ------------------------------------------------------------------------------------------------
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><xml><return_code>&j;</return_code></xml>"
)


@pytest.mark.parametrize(
    "raw",
    [
        BOMB,
        "<!DOCTYPE xml>" + micropay(),
        '<!DOCTYPE xml [<!ENTITY x "888">]>' + micropay().replace("<![CDATA[888]]>", "&x;"),
        '<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd">' + micropay(),
        '<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + micropay(),
    ],
)
def test_document_types_and_entities_are_refused_before_anything_is_read(raw: str) -> None:
    assert "document type" in refused(raw).message


@pytest.mark.parametrize(
    "raw",
    [
        '<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><return_code>&x;</return_code></xml>',
        '<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd"><xml><return_code>SUCCESS</return_code></xml>',
        '<!DOCTYPE xml [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p">%p;]><xml></xml>',
        "<!DOCTYPE xml><xml><return_code>SUCCESS</return_code></xml>",
        "<xml><return_code>&bad;</return_code></xml>",
        "<xml><return_code>&#0;</return_code></xml>",
        micropay().replace("</xml>", "<total_fee>1</total_fee></xml>"),
        micropay().replace("</xml>", f"<openid>{CANARY}</openid></xml>"),
        "<xml><a><b>1</b></a></xml>",
        "<xml><xml>" + micropay() + "</xml></xml>",
        micropay().replace("<xml>", "<xml a='1'>"),
        micropay().replace("<openid>", "<openid x='1'>"),
        micropay().replace("<openid>", "<!-- x --><openid>"),
        micropay().replace("[888]", "[8]]><!-- x --><![CDATA[88]"),
        micropay().replace("<openid>", "<?php x?><openid>"),
        micropay().replace("<openid>", "text<openid>"),
        micropay().replace("<xml>", "<XML>").replace("</xml>", "</XML>"),
        micropay()[:-6],
        micropay() + micropay(),
        "<" * 60_000,
        "<a>" * 20_000,
        "<xml>\x00</xml>",
        "<xml></xml>",
        "<html><body>502</body></html>",
    ],
)
def test_hostile_or_broken_xml(raw: str) -> None:
    refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        partner()[:-1] + ', "trade_state": "SUCCESS"}',
        partner()[:-1] + ', "payer": {"sp_openid": "a"}}',
        partner().replace('"total": 888', '"total": 888, "total": 1'),
        partner().replace('"total": 888', '"total": 888.0'),
        partner().replace('"total": 888', '"total": 8.88e2'),
        partner().replace('"total": 888', '"total": NaN'),
        partner().replace('"total": 888', '"total": Infinity'),
        partner().replace('"total": 888', '"total": "888"'),
        partner().replace('"total": 888', '"total": true'),
        partner().replace('"total": 888', '"total": -1'),
        partner().replace('"total": 888', '"total": 0'),
        partner().replace('"total": 888', '"total": 100000000000'),
        partner().replace('"total": 888', '"total": ' + "9" * 5000),
        partner().replace('"payer_total": 788', '"payer_total": 889'),
        partner().replace('"CNY"', '"HKD"', 1),
        partner(sp_mchid=None),
        partner(transaction_id=None),
        partner(out_trade_no=None),
        partner(amount=None),
        partner(amount=[888]),
        partner(payer="x"),
        partner(trade_state=1),
        partner(mchid="1"),
        partner(appid="1"),
        partner(success_time="2018-13-08T10:34:56+08:00"),
        partner(success_time="2018-06-08T10:34:56"),
        partner(success_time=1528425296),
        partner(transaction_id="１００８"),
        '{"code": 1}',
        '{"code": ""}',
        "{}",
        '{"a":' * 10_000,
        "[" * 60_000,
        "[]",
        '"x"',
        "null",
        '{"return_code": "SUCCESS"}',
    ],
)
def test_broken_json(raw: str) -> None:
    refused(raw)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("return_code", None), ("return_code", "success"), ("result_code", None), ("result_code", "OK"),
        ("trade_type", None), ("trade_type", "JSAPI"), ("transaction_id", None), ("transaction_id", " 1 "),
        ("out_trade_no", None), ("mch_id", None), ("total_fee", None), ("total_fee", "0"), ("total_fee", "-1"),
        ("total_fee", "8.88"), ("total_fee", "0888"), ("total_fee", "８８８"), ("total_fee", "+888"),
        ("total_fee", "999999999999"), ("total_fee", "9" * 30), ("cash_fee", "889"), ("settlement_total_fee", "889"),
        ("fee_type", "HKD"), ("time_end", "2014111117004"), ("time_end", "20141311170043"),
        ("time_end", "２0141111170043"), ("openid", "a b"), ("openid", "o" * 129), ("appid", "a:b"),
        ("sub_openid", "</x>"), ("trade_state", "ok"),
    ],
)  # fmt: skip
def test_v2_fields_that_do_not_fit(field: str, value: str | None) -> None:
    assert refused(micropay(**{field: value})).field is not None


def test_an_unknown_field_changes_nothing() -> None:
    assert read(micropay(a_field_of_tomorrow="1")) == read(micropay())
    assert read(partner(a_field_of_tomorrow={"rate": 0.5})) == read(partner())


@pytest.mark.parametrize(
    "raw", ["", " ", "x", b"\xff\xfe", "\ud800", micropay() + "\ud800", "\ufeff", b"<xml>\xff</xml>"]
)
def test_texts_that_are_nothing(raw: str | bytes) -> None:
    refused(raw)


def test_size_is_counted_in_bytes() -> None:
    room = WECHAT_RESULT_BYTES - len(micropay(attach="x").encode()) + 1
    assert read(micropay(attach="x" * room)).total_fen == 888
    refused(micropay(attach="x" * (room + 1)))
    refused(micropay(attach="字" * (room // 2)))


# --- nothing but Refusal, and nothing of the text in it -------------------------------------------------------------
@given(st.one_of(st.text(), st.binary()))
def test_fuzz_anything(raw: str | bytes) -> None:
    try:
        read(raw)
    except Refusal as refusal:
        assert refusal.code.startswith("WECHAT_RESULT_")  # noqa: PT017 - most inputs are refused, a few may be read


@given(st.dictionaries(st.sampled_from([*MICROPAY, "trade_state", "err_code"]), st.text(max_size=30), max_size=4))
def test_fuzz_v2_fields(changes: dict[str, str]) -> None:
    try:
        result = read(xml(MICROPAY | changes))
    except Refusal:
        return
    assert result.state is not State.SUCCESS or (result.total_fen or 0) > 0


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["trade_state", "payer", "amount", "scene_info", "code", "transaction_id", "success_time"]),
        JSON_VALUES,
        max_size=4,
    )
)
def test_fuzz_v3_fields(changes: dict[str, Any]) -> None:
    try:
        result = read(partner(**changes))
    except Refusal:
        return
    assert result.state is not State.SUCCESS or (result.total_fen or 0) > 0


def test_no_openid_shows_in_a_result() -> None:
    for result in (read(micropay(openid=CANARY, sub_openid=CANARY)), read(partner(payer={"sp_openid": CANARY}))):
        assert CANARY in str(result.pairs)
        assert CANARY not in repr(result)
        assert CANARY not in str(result)


@pytest.mark.parametrize(
    "raw",
    [
        micropay(openid=CANARY + " "),
        micropay(openid=CANARY, time_end="x"),
        micropay(openid=CANARY, total_fee=CANARY),
        micropay(openid=CANARY).replace("</xml>", f"<{CANARY}>"),
        f"<!DOCTYPE {CANARY}><xml><openid>{CANARY}</openid></xml>",
        f"<xml><openid>&{CANARY};</openid></xml>",
        f'{{"{CANARY}": 1, "{CANARY}": 2}}',
        f'{{"openid": "{CANARY}"',
        partner(payer={"sp_openid": CANARY + " "}),
        partner(payer=CANARY),
        partner(success_time=CANARY),
        partner(trade_state=CANARY),
        CANARY,
        CANARY + "\ud800",
    ],
)
def test_no_text_shows_in_a_refusal_nor_in_what_led_to_it(raw: str) -> None:
    refusal = refused(raw)
    seen: BaseException | None = refusal
    while seen is not None:  # __context__ too: error reporters walk it even where the traceback hides it
        assert CANARY not in repr(seen)
        assert CANARY not in repr(vars(seen))
        seen = seen.__cause__ or seen.__context__
    shown = "".join(traceback.format_exception(refusal))
    assert CANARY not in "\n".join(line for line in shown.splitlines() if not line.startswith("    "))
