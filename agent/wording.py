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
    # the door of the local API
    "HOST_REFUSED": ("访问地址不对，请用本机地址访问", "Wrong address; call this machine by its own"),
    "ORIGIN_REFUSED": ("这个网页没有获得访问许可", "This web page is not allowed to call"),
    "JSON_ONLY": ("收银软件发送的格式不对", "The POS must send JSON"),
    "BODY_TOO_LARGE": ("收银软件一次发送的数据太多", "The POS sent too much at once"),
    "TOKEN_REFUSED": ("收银软件尚未配对，请联系店长配对", "This program is not paired; ask the manager to pair it"),
    "TOO_MANY_REQUESTS": ("操作太频繁，请稍候再试", "Too many calls; wait a moment"),
    "TOO_MANY_LISTENERS": ("连接的程序太多，请关闭多余的窗口", "Too many programs are listening; close one"),
    "PAIRING_REFUSED": ("配对码不对或已失效，请重新获取", "The pairing code is wrong or has ended; get a new one"),
    "NO_SUCH_CALL": ("没有这个功能，请联系软件商", "There is no such call"),
    "METHOD_REFUSED": ("调用方式不对，请联系软件商", "This call does not work that way"),
    # quotes and sales
    "IN_FLIGHT": ("正在处理，请稍候", "It is being dealt with; wait a moment"),
    "CONFLICT": ("这个单号已用于另一笔销售", "This sale number was used for another sale"),
    "TENDERS_INCOMPLETE": ("收款金额与应收不符，请核对", "The tenders do not add up to the total; check them"),
    "IDENTIFICATION_EXPIRED": ("会员识别已超时，请重新扫码", "Too long ago; scan the member again"),
    "NOTHING_SCANNED": ("还没有扫到会员码，请先扫码", "Nobody was scanned; scan the member code first"),
    "QUOTE_UNKNOWN": ("报价已失效，请重新计价", "The quote has ended; price the cart again"),
    "ITEM_UNKNOWN": ("价目表里没有这个商品", "This item is not in the pricebook"),
    "WEIGHT_MISSING": ("称重商品没有重量，请先称重", "Sold by weight: weigh it first"),
    "NOT_BY_WEIGHT": ("该商品按件销售，请输入件数", "Sold by the piece: enter how many"),
    "PRICE_DIFFERS": ("收取的金额与系统价格不一致", "What was charged differs from our price"),
    "UNKNOWN_SUB_MCH_ID": (
        "这笔微信支付的商户号没有登记，不能积分",
        "This WeChat merchant number is not registered; no points",
    ),
    "MERCHANT_OF_OTHER_STORE": (
        "这笔微信支付收到了其他门店的商户号，不能积分",
        "This payment went to another store's merchant number; no points",
    ),
    "PAYMENT_AMOUNT_DIFFERS": (
        "微信实际支付金额与本单收款不一致，暂不积分",
        "WeChat's amount differs from the tender; no points for now",
    ),
    "PAYMENT_NOT_A_TENDER": ("本单没有对应的微信收款", "No WeChat tender of this sale belongs to the payment"),
    # this machine
    "DISK_LOW": ("硬盘空间不足，请联系管理员清理", "The disk is nearly full; call the manager"),
    "STOPPING": ("系统正在停止或重启，请稍候", "The agent is stopping; wait a moment"),
    "STORAGE_FAILED": ("数据保存失败，系统正在重启，请稍候", "Saving failed; the agent restarts, wait a moment"),
    "PRINTER_UNKNOWN": ("没有设置这台打印机", "No such printer is set up"),
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
    "DYNAMIC_CODE_EXPIRED": (
        "会员码已过期，请顾客刷新后再扫；若仍提示，请检查本机时间",
        "The member code has expired; ask for a fresh one. If that fails too, check this computer's clock",
    ),
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
    # HQ, as its operators and a store's operator read them
    "MALFORMED": ("上传的数据无法读取，已挂起待查", "The event cannot be read; it waits for a person"),
    "NAME_MISMATCH": ("上传的数据编号不符，已挂起待查", "The event's name does not fit; it waits for a person"),
    "STORE_MISMATCH": ("上传的数据不属于本门店，已挂起待查", "The event is of another store; it waits for a person"),
    "KIND_UNKNOWN": ("总部还不认识这种数据，请先升级总部", "HQ does not know this kind of event; upgrade HQ first"),
    "ACCOUNT_UNKNOWN": (
        "总部还不认识这种账户，请先升级总部",
        "HQ does not know this kind of account; upgrade HQ first",
    ),
    "CHAIN_MISMATCH": ("数据校验链断开，可能被改动，已挂起待查", "The chain is broken; the event waits for a person"),
    "DOES_NOT_FOLLOW": (
        "存放的数据与凭据推算不符，可能被改动",
        "What is stored does not follow from the events; was it altered?",
    ),
    "NO_EVENT": ("有账目却找不到对应的凭据", "An entry has no event behind it"),
    "NOT_OF_EVENT": ("账目与凭据不一致，可能被改动", "An entry differs from its event; was it altered?"),
    "ANSWER_DOES_NOT_OPEN": (
        "一笔已登记的应答打不开，可能被改动",
        "A stored answer does not open; was it altered?",
    ),
    "BEHIND_THE_FEED": (
        "总部下发数据的编号不对，可能被改动",
        "A row stands behind its feed; was it altered?",
    ),
    "CODE_WITHOUT_STATE": (
        "上传记录的原因与状态不符",
        "An outbox row has a reason but not the state for it",
    ),
    "NOT_OUR_CHAIN": (
        "封条不属于这本账",
        "A seal does not belong to these books",
    ),
    "NOT_WHAT_HQ_SAYS": (
        "上传记录与总部所说不符",
        "The outbox says something else than HQ",
    ),
    "ONLY_AT_HQ": (
        "这笔账只在总部有",
        "Only HQ has this event",
    ),
    "ONLY_HERE": (
        "这笔账只在本店有",
        "Only this store has this event",
    ),
    "SEALED_BUT_NOT_SETTLED": (
        "已封账的一笔却显示未上传",
        "A sealed event is still marked as waiting",
    ),
    "EPOCH_UNKNOWN": ("总部没有这本账", "HQ does not know these books"),
    "SEALED_HEAD": ("已封账的数据与封条不符，可能被改动", "Sealed books do not match their seal; were they altered?"),
    "SEAL_NOT_OURS": ("封条不是总部签发的", "HQ did not sign this seal"),
    "BATCH_SHAPE": ("上传的一批数据前后矛盾", "The batch contradicts itself"),
    "BATCH_SIGNATURE": ("上传数据的签名不对，请重新登记收银台", "The batch is not signed by this till; enrol it anew"),
    "BODY_DAMAGED": ("数据在传输中损坏", "The data was damaged on the way"),
    "BODY_INVALID": ("发送的数据有误", "The data does not fit"),
    "BODY_NOT_JSON": ("发送的格式不对", "The data is not JSON"),
    "BODY_TOO_SLOW": ("数据发送太慢，请检查网络", "The data came too slowly; check the network"),
    "CONTENT_ENCODING": ("数据的压缩方式不支持", "This compression is not supported"),
    "CLIENT_GONE": ("对方中断了连接", "The caller hung up"),
    "NOT_AUTHENTICATED": ("收银台身份验证失败，请重新登记", "HQ does not know this till; enrol it anew"),
    "NOT_FOUND": ("总部没有这个功能", "HQ has no such call"),
    "METHOD_NOT_ALLOWED": ("总部不支持这种调用方式", "HQ's call does not work that way"),
    "PROTOCOL_UNSUPPORTED": ("门店与总部的版本不一致，请升级", "Store and HQ speak different versions; upgrade"),
    "CURSOR_AHEAD": (
        "门店的数据比总部还新，总部可能恢复过旧备份",
        "The store is ahead of HQ; was HQ restored from a backup?",
    ),
    "CURSOR_INVALID": ("请求的数据位置有误", "The cursor does not fit"),
    "FEED_UNKNOWN": ("总部没有这类数据", "HQ has no such feed"),
    "PAYER_OTHER_BRAND": ("付款人不属于本品牌", "The payer belongs to another brand"),
    "ENROL_CODE_UNKNOWN": ("登记码不对，请核对", "The enrolment code is wrong"),
    "ENROL_CODE_SPENT": ("登记码已经用过，请重新获取", "The enrolment code was used; get a new one"),
    "ENROL_CODE_EXPIRED": ("登记码已过期，请重新获取", "The enrolment code has ended; get a new one"),
    "WORKSTATION_UNKNOWN": ("总部没有登记这台收银台", "HQ does not know this till"),
    "WORKSTATION_REVOKED": ("这台收银台已被总部停用", "HQ has revoked this till"),
    "WORKSTATION_OTHER_STORE": ("这台收银台属于其他门店", "This till belongs to another store"),
    "STORE_UNKNOWN": ("没有这家门店", "There is no such store"),
    "STORE_OTHER_BRAND": ("这家门店属于其他品牌", "This store belongs to another brand"),
    "BRAND_UNKNOWN": ("没有这个品牌", "There is no such brand"),
    "BRAND_ID_INVALID": ("品牌编号格式不对", "The brand id does not have its form"),
    "ID_INVALID": ("编号格式不对", "The id does not have its form"),
    "TEXT_INVALID": ("文字内容不合要求", "The text does not fit"),
    "CSV_ENCODING": ("文件编码不对，请另存为 UTF-8", "The file is not UTF-8"),
    "CSV_HEADER": ("表头不对，请对照模板", "The header line does not fit"),
    "CSV_UNREADABLE": ("文件无法读取", "The file cannot be read"),
    "RULES_INVALID": ("规则内容有误", "The rules do not fit"),
    "RULES_CHANGED": ("该版本的规则已发布，不能再改，请用新版本号", "This version is published; use a new version"),
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
    "unspecified": ("未列明细", "Items not listed"),
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
