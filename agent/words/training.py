"""What the pages say of training and of its beginning and end, by key; given to them with agent.words.pages.

Read through agent.wording.
"""

from typing import Final

TRAINING: Final[dict[str, tuple[str, str]]] = {
    # --- both pages -------------------------------------------------------------------------------------------------
    "mode_turning": ("正在切换营业与培训模式，几秒后自动恢复", "The mode is being switched; back within seconds"),
    "now_training": ("已进入培训模式，购物车已清空", "This is a training now; the cart was cleared"),
    "now_real": ("已恢复正式营业，购物车已清空", "Back to real business; the cart was cleared"),
    # --- the manager page -------------------------------------------------------------------------------------------
    "mode_waiting": ("正式账待上传", "Real events to send"),
    "mode_held": ("{count} 笔，培训结束后上传", "{count}, sent when the training ends"),
    "mode_file": (
        "由配置文件决定（[workstation] training），改后重启",
        "Decided by the configuration ([workstation] training); a change takes a restart",
    ),
    "mode_run": ("由启动方式决定，不能在这里切换", "Decided by the way the agent was started"),
    "training_begin": ("开始培训", "Begin training"),
    "training_end": ("结束培训", "End training"),
    "training_begin_title": ("开始培训？", "Begin training?"),
    "training_end_title": ("结束培训，恢复正式营业？", "End the training and go back to real business?"),
    "training_books": (
        "练习的销售、退货、充值记在另一本账里，结束培训时删除，不影响今日营业额",
        "Practice sales, returns and recharges stand in books of their own, deleted when the training ends",
    ),
    "training_sends": (
        "培训期间什么都不上传总部，会员的积分、余额、券都不会变动",
        "Nothing goes to headquarters meanwhile: no member's points, balance or coupons change",
    ),
    "training_paper": (
        "打出的每张纸上下都印“训练”“不作凭证”；现金收款仍会弹开钱箱",
        "Every paper says above and below that it is no receipt; the drawer still opens for cash",
    ),
    "training_same": (
        "工号、密码和已配对的程序不变；收银软件仍会连到本机，请确认没有顾客在等",
        "Operators, PINs and paired programs stay; the POS still sells here, so let no customer wait",
    ),
    "training_waits": (
        "现有 {count} 笔正式账待上传，会保留到培训结束后再上传",
        "{count} real events wait for headquarters; they are kept and sent after the training",
    ),
    "training_then": (
        "有 {count} 笔正式账待上传，结束后自动上传",
        "{count} real events wait for headquarters; they are sent as soon as it is over",
    ),
    "training_gone": ("培训中的练习账将删除，不能恢复", "The practice books are deleted for good"),
    "training_again": (
        "收银程序重新打开正式账，几秒内恢复；之后的每一笔都是真的",
        "The agent opens the real books again within seconds; from then on every sale is real",
    ),
    "training_restart": (
        "切换时收银程序会中断几秒，页面自动恢复；断电后仍保持所选模式",
        "The line breaks for some seconds and comes back by itself; the choice survives a power cut",
    ),
    "mode_changes": ("切换记录", "Changes"),
    "mode_not_begun": ("没有切换成", "never began"),
    "who": ("操作人", "Who"),
}
