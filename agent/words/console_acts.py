"""What the console's log says of every act, by its name there: who did what with which object.

Read through agent.wording. `{who}`, `{object}` and `{detail}` are filled in; an act without words is a mistake of ours
(tests/unit/test_console_log.py).
"""

from typing import Final

ACTS: Final[dict[str, tuple[str, str]]] = {
    "act_sign-in": ("{who} 登录", "{who} signed in"),
    "act_sign-in.refused": (
        "有人以 {who} 登录，密码错误，连续第 {detail} 次",
        "Somebody signed in as {who} with a wrong password, for the {detail}. time in a row",
    ),
    "act_user.put": ("{who} 添加或重设了用户 {object}：{detail}", "{who} added or reset the user {object}: {detail}"),
    "act_user.remove": ("{who} 移除了用户 {object}", "{who} removed the user {object}"),
    "act_discrepancy.explain": ("{who} 说明了差异 {object}", "{who} explained the discrepancy {object}"),
    "act_difference.explain": (
        "{who} 说明了与总部重算不一致的 {object}",
        "{who} explained why {object} differs from what headquarters reckons",
    ),
    "act_suspended.release": ("{who} 放行了搁置的事件 {object}", "{who} released the suspended event {object}"),
    "act_suspended.keep": ("{who} 维持搁置事件 {object}", "{who} kept the event {object} suspended"),
    "act_fork.first": ("{who} 认定 {object} 先到的版本为真", "{who} took the first version of {object} as true"),
    "act_fork.other": ("{who} 认定 {object} 另一个版本为真", "{who} took the other version of {object} as true"),
    "act_lease.write-off": ("{who} 核销了收银台 {object} 持有的额度", "{who} wrote off what workstation {object} held"),
    "act_member.look": ("{who} 查找会员：{object}", "{who} looked for a member: {object}"),
    "act_member.plain": (
        "{who} 查看了会员 {object} 的{detail}原文",
        "{who} read of member {object} in the clear: {detail}",
    ),
    "act_member.plain.refused": (
        "{who} 想查看会员 {object} 的{detail}原文，因过于频繁被拒",
        "{who} was refused to read of member {object} in the clear, after too many reads: {detail}",
    ),
    "act_member.freeze": ("{who} 冻结了会员 {object}", "{who} froze the member {object}"),
    "act_member.release": ("{who} 解冻了会员 {object}", "{who} released the member {object}"),
    "act_erasure.ask": ("{who} 申请注销会员 {object}", "{who} asked to erase the member {object}"),
    "act_erasure.confirm": ("{who} 确认注销会员 {object}", "{who} confirmed to erase the member {object}"),
    "act_erasure.refuse": ("{who} 拒绝注销会员 {object}", "{who} refused to erase the member {object}"),
    "act_rules.publish": ("{who} 发布了规则 {object}", "{who} published the rules {object}"),
    "act_import.members": ("{who} 导入了品牌 {object} 的会员", "{who} imported members of brand {object}"),
    "act_import.items": ("{who} 导入了品牌 {object} 的商品", "{who} imported items of brand {object}"),
    "act_import.merchants": ("{who} 导入了品牌 {object} 的商户号", "{who} imported merchants of brand {object}"),
    "act_import.batches": ("{who} 导入了品牌 {object} 的券批次", "{who} imported coupon batches of brand {object}"),
    "act_import.coupons": ("{who} 给品牌 {object} 的会员发了券", "{who} issued coupons to members of brand {object}"),
    "act_import.slots": ("{who} 导入了品牌 {object} 的预约时段", "{who} imported slots of brand {object}"),
    "act_import.gifts": ("{who} 导入了品牌 {object} 的积分礼品", "{who} imported gifts for points of brand {object}"),
    "act_import.cards": ("{who} 导入了品牌 {object} 的次卡", "{who} imported count cards of brand {object}"),
    "act_seals.download": ("{who} 下载了封账 {object}", "{who} downloaded the seals, {object}"),
    "act_wechat.explain": (
        "{who} 说明了与微信不一致的 {object}",
        "{who} explained the difference from WeChat {object}",
    ),
    "act_wechat.bill": ("{who} 核对了微信账单 {object}", "{who} checked the WeChat bill {object}"),
    "log_nobody": ("没有找到", "nobody was found"),
    "field_birthday": ("生日", "the birthday"),
    "field_wechat": ("微信号", "WeChat identities"),
}
