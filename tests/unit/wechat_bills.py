"""Trade bills as WeChat writes them (facts/wechat.md A.3), for tests."""

from decimal import Decimal

HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
SUM_HEAD = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
MCH, SUB_MCH = "1900000109", "1900000100"


def row(
    transaction_id: str,
    total: str,
    *,
    kind: str = "SUCCESS",
    day: str = "2026-09-21",
    mch: str = MCH,
    sub: str = SUB_MCH,
    refund: tuple[str, str] = ("0", "0.00"),
    name: str = "乌龙茶,大杯",
) -> list[str]:
    """One row; `refund` (id, yuan) makes it a refund of the transaction."""
    kind = "REFUND" if refund[0] != "0" else kind
    return [
        f"{day} 09:00:43", "wx8888888888888888", mch, sub, "", transaction_id, f"o{transaction_id[-10:]}", "oPayer",
        "MICROPAY", kind, "CMB_DEBIT", "CNY", total, "0.00", refund[0], refund[0], refund[1], "0.00", "", "", name, "",
        "0.01000", "0.60%", total, refund[1], "",
    ]  # fmt: skip


def bill(*rows: list[str], bom: bool = True) -> bytes:
    """A whole bill, with its totals."""
    total = sum((Decimal(one[24]) for one in rows), Decimal("0.00"))
    back = sum((Decimal(one[25]) for one in rows), Decimal("0.00"))
    sums = [f"{len(rows)}.0", f"{total:.2f}", f"{back:.2f}", "0.0", "0.08", f"{total:.2f}", f"{back:.2f}"]
    lines = [HEAD, *(_line(one) for one in rows), SUM_HEAD, _line(sums)]
    return (("\ufeff" if bom else "") + "".join(f"{line}\r\n" for line in lines)).encode()


def _line(values: list[str]) -> str:
    return ",".join(f"`{value}" for value in values)
