"""Every sentence a cashier or customer reads, in Chinese as a shop would say it and in English.

Pure data and look-up. Codes are public and stable (docs/till-api.md); sentences may change at any time.
No printed rule may claim a "final right of interpretation" (S60).
"""

from typing import Final

CHINESE: Final = 0
ENGLISH: Final = 1

# Refusals and discrepancies by code: what the cashier reads.
SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "INTERNAL": ("系统出错，请联系管理员", "Something went wrong; call the manager"),
    "INVALID_REQUEST": ("收银软件发送的数据有误", "The POS sent data that does not fit"),
    # Printing: the notes of print jobs begin with one of these codes.
    "PRINTER_UNREACHABLE": (
        "打印机连接不上，请检查电源和连接线",
        "The printer cannot be reached; check power and cable",
    ),
    "PRINTER_NOT_A_DEVICE": (
        "打印机位置上是一个普通文件，请联系管理员删除后重新插拔打印机",
        "A plain file stands where the printer should be; remove it and plug the printer in again",
    ),
    "PRINTER_BUSY": ("打印机被其他程序占用", "Another program holds the printer"),
    "PRINTER_NO_PERMISSION": (
        "没有使用打印机的权限，请联系管理员",
        "No permission to use the printer; call the manager",
    ),
    "PRINTER_PAPER_OUT": ("打印纸用完了，请换纸", "Out of paper; put in a new roll"),
    "PRINTER_COVER_OPEN": ("打印机盖没关好，请合上", "The printer's cover is open; close it"),
    "PRINTER_OFFLINE": ("打印机处于离线状态，请检查", "The printer says it is off-line; look at it"),
    "PRINTER_ERROR": ("打印机报告故障，请检查切刀和卡纸", "The printer reports a fault; check cutter and paper path"),
    "PRINTER_SILENT": ("打印机没有回应，请检查电源", "The printer does not answer; check its power"),
    "PRINT_INTERRUPTED": ("打印中断，可能没打完整；需要时请补打", "Printing broke off; reprint it if needed"),
    "PRINT_UNCONFIRMED": (
        "打印机没有确认，请看小票是否已出；需要时请补打",
        "The printer did not confirm; look for the slip and reprint it if needed",
    ),
    "PRINT_JOB_UNKNOWN": ("找不到这张小票", "There is no such print job"),
    "PRINT_JOB_PENDING": ("这张小票还在排队，不用补打", "This job is still waiting to be printed"),
    "DRAWER_NOT_REPRINTABLE": (
        "开钱箱不能补打，请重新开钱箱",
        "A drawer pulse is never repeated; open the drawer anew",
    ),
    # who is it (agent.identify)
    "CODE_UNREADABLE": ("条码无法识别，请重新扫描", "The code cannot be read; scan it again"),
    "MEMBER_UNKNOWN": ("没有找到该会员，可请顾客扫码入会", "No such member; the customer may join by scanning"),
    "DYNAMIC_CODE_EXPIRED": ("会员码已过期，请顾客刷新后再扫", "The member code has expired; ask for a fresh one"),
    "DYNAMIC_CODE_REPLAYED": ("该会员码已使用过，请顾客刷新后再扫", "This member code was used; ask for a fresh one"),
    "DYNAMIC_CODE_FORGED": (
        "会员码无效，请核对顾客的小程序",
        "The member code is not genuine; look at the customer's app",
    ),
    "DYNAMIC_CODE_OTHER_BRAND": ("这是其他品牌的会员码", "This member code belongs to another brand"),
    "PAYMENT_CODE_NEEDS_NETWORK": (
        "付款码无法离线识别会员，请扫会员码，或先收款",
        "A payment code cannot name a member offline; scan the member code, or take the payment first",
    ),
    "PAYMENT_NOT_COMPLETE": (
        "微信支付尚未成功，请先查询支付结果",
        "WeChat has not confirmed the payment; query it first",
    ),
    "TRANSACTION_USED": ("这笔微信支付已经入账", "This WeChat payment is already booked"),
    "TRANSACTION_CONFLICT": (
        "同一笔微信支付的信息前后不一致",
        "This WeChat payment was handed over before, differently",
    ),
    "WECHAT_RESULT_UNREADABLE": ("微信支付结果无法读取", "The WeChat payment result cannot be read"),
    "WECHAT_RESULT_ENCRYPTED": (
        "这是加密的支付通知，门店无法读取",
        "This is an encrypted notification; a store cannot read it",
    ),
    "WECHAT_SIGNATURE_REFUSED": ("微信签名验证未通过", "WeChat's signature was not accepted"),
    "WECHAT_RESOURCE_UNREADABLE": ("微信加密内容无法解密", "WeChat's encrypted content could not be opened"),
}

# Words on paper and on screens, by key; `{...}` are filled by whoever prints them.
LABELS: Final[dict[str, tuple[str, str]]] = {
    "store": ("门店", "Store"),
    "workstation": ("收银台", "Till"),
    "operator": ("收银员", "Cashier"),
    "sale_id": ("单号", "Sale"),
    "seq": ("#{seq}", "#{seq}"),
    "time": ("时间", "Time"),
    "item": ("商品", "Item"),
    "qty_price": ("数量 x 单价", "Qty x price"),
    "amount": ("金额", "Amount"),
    "price.member_fixed": ("会员价", "Member price"),
    "price.tier": ("等级价", "Tier price"),
    "price.tier_rate": ("{tier} {rate}", "{tier} {rate}"),
    "price.promo": ("促销价", "Special offer"),
    "price.unit": ("{reason} {price}", "{reason} {price}"),
    "rate": ("{tenths}折", "{off}% off"),
    "member_line": ("会员价 {amount}，省 {saved}", "Members pay {amount}, save {saved}"),
    "pieces": ("共{count}件", "{count} items"),
    "list_total": ("原价合计", "List total"),
    "saved": ("已省", "You saved"),
    "payable": ("应付", "Total"),
    "collected": ("实收", "Paid"),
    "received": ("收款", "Received"),
    "change": ("找零", "Change"),
    "tender.cash": ("现金", "Cash"),
    "tender.wechat": ("微信支付", "WeChat Pay"),
    "tender.alipay": ("支付宝", "Alipay"),
    "tender.unionpay": ("银联云闪付", "UnionPay"),
    "tender.card": ("银行卡", "Bank card"),
    "tender.other": ("其他支付", "Other"),
    "member": ("会员", "Member"),
    "by_payment": ("按支付账号识别", "Recognised by the payment account"),
    "points_earned": ("本单积分", "Points earned"),
    "points_balance": ("积分余额", "Points balance"),
    "balance_as_of": ("截至{time}，联网后更新", "As of {time}; updated when online"),
    "balance_later": ("积分余额请稍后在小程序查看", "See your balance in the mini program"),
    "foregone": (
        "会员价可省 {amount} 元，下次请先出示会员码",
        "Member price saves {amount}: show your code first next time",
    ),
    "join_title": ("加入会员更省", "Join and save"),
    "join_saves": ("会员买这一单可省 {amount} 元", "A member saves {amount} yuan on this purchase"),
    "join_earns": ("并可得 {points} 积分", "and earns {points} points"),
    "join_earns_only": ("会员买这一单可得 {points} 积分", "A member earns {points} points on this purchase"),
    "join_scan": ("微信扫码入会", "Scan with WeChat to join"),
    "join_claim": ("扫码入会，本单积分可补领一次", "Join by this code and claim this purchase's points once"),
    "join_gift": ("入会即送 {gifts}", "You get {gifts} for joining"),
    "gift_coupon": ("{amount}元无门槛券", "a {amount} yuan coupon without minimum"),
    "gift_points": ("{points}积分", "{points} points"),
    "gift_and": (" + ", " and "),
    "thanks": ("谢谢惠顾 欢迎再来", "Thank you, see you again"),
    "reprint": ("补打", "REPRINT"),
    "test_title": ("打印测试", "Test page"),
    "test_printer": ("打印机", "Printer"),
    "test_chinese": ("中文：春夏秋冬 东南西北 ￥12.30", "Chinese: 春夏秋冬 ￥12.30"),
    "test_bold": ("加粗文字", "Bold text"),
    "test_big": ("大字 123", "Big 123"),
    "test_left": ("左", "left"),
    "test_right": ("右", "right"),
    "test_scan": ("扫码检查二维码", "Scan to check the QR code"),
    "paper_drawer": ("钱箱弹开", "drawer opens"),
}


def sentence(code: str, language: int = CHINESE) -> str:
    """Give the sentence for a code; an unknown code is shown as itself, never hidden."""
    pair = SENTENCES.get(code)
    return pair[language] if pair is not None else code


def label(key: str, language: int = CHINESE) -> str:
    """Give a word for paper or screen; raises KeyError for a key that was never written here (our mistake)."""
    return LABELS[key][language]
