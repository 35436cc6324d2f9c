"""What WeChat said about a payment, in one form: v2 XML (micropay, orderquery) and v3 JSON (codepay, query) alike.

Pure; the identifier calls `read` with the exact text a POS received. Nothing here is proof: stores hold no keys, so a
result is asserted evidence until HQ confirms it (docs: wire, WeChat evidence). It must never guess, never accept two
readings of one text, and never repeat the text in an error. Sources, with WeChat's pages: facts/wechat.md A.1-A.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agent.domain.errors import Refusal
from agent.limits import WECHAT_RESULT_BYTES
from sync.wechat import flat_xml, strict_json
from sync.wechat.fields import (
    ID,
    OPENID,
    ORDER_NO,
    WORD,
    fen_number,
    fen_text,
    hint_text,
    needed,
    text,
    time_v2,
    time_v3,
    unreadable,
    yuan_only,
)
from sync.wechat.states import State, failure_state, trade_state_of


class Source(StrEnum):
    """Which answer the text is."""

    V2_MICROPAY = "v2_micropay"
    V2_QUERY = "v2_query"
    V2_FAILURE = "v2_failure"
    V3_TRANSACTION = "v3_transaction"
    """Codepay and query answer alike."""
    V3_FAILURE = "v3_failure"


@dataclass(frozen=True, slots=True)
class WechatResult:
    """One answer of WeChat's, normalised. Amounts in fen. With state SUCCESS, the ids and the total are always there.

    `openid` is the payer under `appid` (the service provider's, in partner mode), `sub_openid` under `sub_appid`.
    `cash_fen` is what the payer paid, `settlement_fen` what the merchant gets where WeChat says so (v2 only).
    """

    source: Source
    state: State
    trade_type: str | None = None
    appid: str | None = None
    sub_appid: str | None = None
    mch_id: str | None = None
    sub_mch_id: str | None = None
    openid: str | None = field(default=None, repr=False)
    sub_openid: str | None = field(default=None, repr=False)
    transaction_id: str | None = None
    out_trade_no: str | None = None
    total_fen: int | None = None
    cash_fen: int | None = None
    settlement_fen: int | None = None
    paid_at_ms: int | None = None
    store_hint: str | None = None
    err_code: str | None = None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(appid, openid) pairs, the brand's own before the provider's; an openid without its appid is no name (E)."""
        both = ((self.sub_appid, self.sub_openid), (self.appid, self.openid))
        return tuple((appid, openid) for appid, openid in both if appid is not None and openid is not None)


def read(raw: str | bytes) -> WechatResult:
    """Read the exact text WeChat returned. Raises Refusal WECHAT_RESULT_UNREADABLE, nothing else.

    An encrypted notification is refused as WECHAT_RESULT_ENCRYPTED: only HQ can read it.

    >>> read('{"code": "USERPAYING", "message": "..."}').state
    <State.USERPAYING: 'USERPAYING'>
    """
    content = _decoded(raw)
    fault = ""
    try:
        if content.startswith("<"):
            return _v2(flat_xml.read(content))
        if content.startswith("{"):
            return _v3(strict_json.read(content))
    except (flat_xml.NotFlat, strict_json.NotStrict) as broken:
        fault = str(broken)
    raise unreadable(fault or "it is neither XML nor JSON")


def _decoded(raw: str | bytes) -> str:
    content = ""
    fault = "it is too long" if len(raw) > WECHAT_RESULT_BYTES else ""
    try:
        content = raw.decode() if isinstance(raw, bytes) else raw
        if len(content.encode()) > WECHAT_RESULT_BYTES:
            fault = "it is too long"
    except UnicodeError:
        fault = "it is not UTF-8 text"
    if fault:  # Raised out here, so that no exception chain carries the text along.
        raise unreadable(fault)
    return content.strip().removeprefix("\ufeff").lstrip()


# --- v2 -------------------------------------------------------------------------------------------------------------
def _v2(fields: Mapping[str, str]) -> WechatResult:
    """The three levels of a v2 answer: transport (return_code), business (result_code), content."""
    return_code = fields.get("return_code")
    if return_code == "FAIL":  # Transport level: unsigned, and it says nothing about the payment.
        return WechatResult(Source.V2_FAILURE, State.UNKNOWN, err_code=text(fields.get("err_code"), "err_code", WORD))
    if return_code != "SUCCESS":
        raise unreadable("return_code is neither SUCCESS nor FAIL", "return_code")
    result_code = fields.get("result_code")
    if result_code == "FAIL":
        err_code = text(fields.get("err_code"), "err_code", WORD)
        return _v2_result(fields, Source.V2_FAILURE, failure_state(err_code), err_code)
    if result_code != "SUCCESS":
        raise unreadable("result_code is neither SUCCESS nor FAIL", "result_code")
    trade_state = text(fields.get("trade_state"), "trade_state", WORD)
    if trade_state is not None:
        return _checked(_v2_result(fields, Source.V2_QUERY, trade_state_of(trade_state), None))
    if fields.get("trade_type") != "MICROPAY":  # Other v2 answers (reverse, refund, openid) are no payment.
        raise unreadable("trade_type is not MICROPAY", "trade_type")
    return _checked(_v2_result(fields, Source.V2_MICROPAY, State.SUCCESS, None))


def _v2_result(fields: Mapping[str, str], source: Source, state: State, err_code: str | None) -> WechatResult:
    yuan_only(fields.get("fee_type"), "fee_type")
    return WechatResult(
        source=source,
        state=state,
        trade_type=text(fields.get("trade_type"), "trade_type", WORD),
        appid=text(fields.get("appid"), "appid", ID),
        sub_appid=text(fields.get("sub_appid"), "sub_appid", ID),
        mch_id=text(fields.get("mch_id"), "mch_id", ID),
        sub_mch_id=text(fields.get("sub_mch_id"), "sub_mch_id", ID),
        openid=text(fields.get("openid"), "openid", OPENID),
        sub_openid=text(fields.get("sub_openid"), "sub_openid", OPENID),
        transaction_id=text(fields.get("transaction_id"), "transaction_id", ID),
        out_trade_no=text(fields.get("out_trade_no"), "out_trade_no", ORDER_NO),
        total_fen=fen_text(fields.get("total_fee"), "total_fee"),
        cash_fen=fen_text(fields.get("cash_fee"), "cash_fee"),
        settlement_fen=fen_text(fields.get("settlement_total_fee"), "settlement_total_fee"),
        paid_at_ms=time_v2(fields.get("time_end"), "time_end"),
        store_hint=hint_text(fields.get("device_info")),
        err_code=err_code,
    )


# --- v3 -------------------------------------------------------------------------------------------------------------
def _v3(body: Mapping[str, object]) -> WechatResult:
    """A transaction, or an error body `{code, message}`; USERPAYING comes with HTTP 202 in either shape (A.4)."""
    if "resource" in body:
        raise Refusal(
            "WECHAT_RESULT_ENCRYPTED",
            "this is an encrypted notification",
            hint="notifications are read at HQ; hand over the answer of codepay or of the order query",
        )
    if "trade_state" not in body:
        code = needed(text(body.get("code"), "code", WORD), "trade_state")
        return WechatResult(Source.V3_FAILURE, failure_state(code), err_code=code)
    trade_state = needed(text(body["trade_state"], "trade_state", WORD), "trade_state")
    payer, amount = _object(body, "payer"), _object(body, "amount")
    yuan_only(amount.get("currency"), "amount.currency")
    return _checked(
        WechatResult(
            source=Source.V3_TRANSACTION,
            state=trade_state_of(trade_state),
            trade_type=text(body.get("trade_type"), "trade_type", WORD),
            appid=text(_either(body, "sp_appid", "appid"), "appid", ID),
            sub_appid=text(body.get("sub_appid"), "sub_appid", ID),
            mch_id=text(_either(body, "sp_mchid", "mchid"), "mchid", ID),
            sub_mch_id=text(body.get("sub_mchid"), "sub_mchid", ID),
            openid=text(_either(payer, "sp_openid", "openid"), "payer.openid", OPENID),
            sub_openid=text(payer.get("sub_openid"), "payer.sub_openid", OPENID),
            transaction_id=text(body.get("transaction_id"), "transaction_id", ID),
            out_trade_no=text(body.get("out_trade_no"), "out_trade_no", ORDER_NO),
            total_fen=fen_number(amount.get("total"), "amount.total"),
            cash_fen=fen_number(amount.get("payer_total"), "amount.payer_total"),
            paid_at_ms=time_v3(body.get("success_time"), "success_time"),
            store_hint=_scene(body.get("scene_info")),
        )
    )


def _object(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise unreadable(f"{name} is not an object", name)
    return value


def _either(body: Mapping[str, object], partner: str, direct: str) -> object:
    """A partner's field name or a direct merchant's; both at once would leave open which of them is meant."""
    if partner in body and direct in body:
        raise unreadable(f"{partner} and {direct} are both there", direct)
    return body.get(partner, body.get(direct))


def _scene(value: object) -> str | None:
    """The store as the payment's scene names it: a hint, since the store itself comes from our configuration (E)."""
    scene = value if isinstance(value, dict) else {}
    store = scene.get("store_info")
    store = store if isinstance(store, dict) else {}
    return hint_text(store.get("out_id")) or hint_text(store.get("id")) or hint_text(scene.get("device_id"))


# --- both -----------------------------------------------------------------------------------------------------------
def _checked(result: WechatResult) -> WechatResult:
    """Insist on what a completed payment cannot lack. sub_mch_id may be absent: a direct merchant has none (B)."""
    if result.state is State.SUCCESS:
        needed(result.mch_id, "mch_id")
        needed(result.transaction_id, "transaction_id")
        needed(result.out_trade_no, "out_trade_no")
        total = needed(result.total_fen, "total")
        if total == 0:
            raise unreadable("the total is zero", "total")
        for name, part in (("cash", result.cash_fen), ("settlement", result.settlement_fen)):
            if part is not None and part > total:
                raise unreadable(f"{name} exceeds the total", name)
    return result
