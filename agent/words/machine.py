"""What is wrong with this machine, its printers and drawers, by code: the notes of print jobs begin with one of these.

Read through agent.wording.
"""

from typing import Final

MACHINE: Final[dict[str, tuple[str, str]]] = {
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
    "PRINTER_NEAR_END": ("打印纸快用完了，请准备换纸", "The roll is nearly used up; have a new one at hand"),
    "PRINTER_UNVERIFIED": ("这台打印机不会回报状态，请看纸确认", "This printer cannot report; look at the paper"),
    "PRINTER_STUCK": (
        "打印机停在上一张没打完的小票里，请关机再开机",
        "The printer hangs in a job that broke off; switch it off and on",
    ),
    "PRINTER_QUEUE_RESENDS": (
        "打印队列会自己重打，请改设置",
        "This queue prints failed jobs again by itself; change its error policy",
    ),
    "PRINTER_NOT_A_PRINTER": (
        "这个端口上的设备不像打印机，请检查设置",
        "What answers there is no printer; check the settings",
    ),
    "PRINT_INTERRUPTED": ("打印中断，可能没打完整；需要时请补打", "Printing broke off; reprint it if needed"),
    "PRINT_UNCONFIRMED": (
        "打印机没有确认，请看小票是否已出；需要时请补打",
        "The printer did not confirm; look for the slip and reprint it if needed",
    ),
    "SCOPE_REFUSED": ("这个程序没有此项权限，请店长重新配对", "This program was not given that right"),
    "SIGN_IN_REFUSED": ("工号或密码不对", "Operator or PIN is wrong"),
    "SIGN_IN_LOCKED": ("密码错误次数过多，请稍后再试", "Too many wrong PINs; wait a while"),
    "PIN_WEAK": ("密码须为4至12位数字，且不能太简单", "The PIN needs 4 to 12 digits and must not be simple"),
    "OPERATOR_UNKNOWN": ("没有这个工号", "Nobody signs in by that name"),
    "MODE_FIXED": (
        "营业或培训由配置文件或启动方式决定，不能在这里切换",
        "The mode is decided by the configuration or the way it was started",
    ),
    "MODE_CHANGING": ("正在切换营业与培训模式，请稍候", "The mode is being switched; wait a few seconds"),
    "MODE_BUSY": (
        "还有未完成的事，暂不能切换：请等正在结账的顾客、未打完的小票或对账结束，几分钟后再试",
        "Not now: a sale, a receipt or a proof is not finished; try again in some minutes",
    ),
    "MODE_DIFFERS": (
        "营业与培训模式已切换，这次没有入账；切换前可能已入账，请先核对再收款",
        "The mode was switched: this was not booked; it may have been booked before, so look first",
    ),
    "TOKEN_UNKNOWN": ("没有这个授权，可能已经收回", "No such token is in force"),
    "PRINT_ID_CONFLICT": ("打印编号重复，内容不同", "This print id was used for other contents"),
    "EVENT_UNREADABLE": ("总部读不懂这笔记录，请人工处理", "Headquarters cannot read this event; a person has to look"),
    "PRINT_JOB_UNKNOWN": ("找不到这张小票", "There is no such print job"),
    "PRINT_JOB_PENDING": ("这张小票还在排队，不用补打", "This job is still waiting to be printed"),
    "DRAWER_NOT_REPRINTABLE": (
        "开钱箱不能补打，请重新开钱箱",
        "A drawer pulse is never repeated; open the drawer anew",
    ),
}
