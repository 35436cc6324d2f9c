"""What `pos-agent devices setup` says to a shopkeeper and asks, about scanners and printers; values go into {places}.

Read through agent.wording. The questions about the probe page are labels of agent.words.paper.
"""

from typing import Final

SETUP: Final[dict[str, tuple[str, str]]] = {
    # how to answer
    "answer_yes_no": ("请回答 y（是）或 n（否）", "Answer y (yes) or n (no)"),
    "answer_number": ("请输入其中一个数字：{allowed}", "Answer with one of these numbers: {allowed}"),
    "left": ("已退出，配置文件没有改动。", "Stopped; the configuration file is as it was."),
    "left_answers": ("刚才得出的设置（可以自己写进配置文件）：", "What was found out (to be written by hand):"),
    "run_as_root": ("没有权限写 {path}，请用 sudo 运行", "No right to write {path}: run it with sudo"),
    "restart": ("让程序用上新设置：systemctl restart pos-agent", "Let the agent take it: systemctl restart pos-agent"),
    # the scanner
    "scan_none": (
        "没有找到扫码枪。插好后再运行，或用 pos-agent devices --all 查看",
        "No scanner is plugged in. Plug it in and run this again, or look with: pos-agent devices --all",
    ),
    "scan_this": (
        "请用扫码枪扫下面这个码（只能扫条形码的枪：随便扫一件商品）。串口扫码枪请多扫几次，直到有反应。",
        "Scan this code (a scanner for bar codes only: any product). An RS-232 scanner: scan until it answers.",
    ),
    "scan_heard": ("听到了：{title}（{kind}），位置 {path}。", "Heard {title} ({kind}) at {path}."),
    "scan_right": (
        "测试码一字不差：扫码枪设置正确。",
        "It reads the test code letter by letter: this scanner is set right.",
    ),
    "scan_swapped": (
        "大小写颠倒了：请关掉扫码枪的大写锁定补偿（Caps Lock）。",
        "Capitals and small letters are swapped: switch off the scanner's Caps Lock compensation.",
    ),
    "scan_layout": (
        "字母或符号变了：请把扫码枪设成美式（US）键盘。",
        "Letters or signs are exchanged: set the scanner to the US (English) keyboard.",
    ),
    "scan_other": (
        "扫到的是另一个码，{length} 个字符。扫测试码能查得更仔细。",
        "It read another code of {length} characters. The test code would show more.",
    ),
    "scan_wrong": (
        "这样会读错码。请改好扫码枪的设置再运行一次。",
        "This scanner would misread codes: change its setting, then run this again.",
    ),
    "scan_name": ("这把扫码枪叫什么名字？（小写字母、数字、-）", "Name of this scanner"),
    # which printer
    "printers": ("找到的打印机：", "Printers that were found:"),
    "printers_none": ("没有找到插着的打印机。", "No printer that is plugged in was found."),
    "kind_chardev": ("USB", "USB"),
    "kind_usb": ("USB，没有系统驱动", "USB without a kernel driver"),
    "kind_serial": ("串口，不确定是不是打印机", "serial port; may be a printer"),
    "kind_cups": ("系统打印队列", "queue of this machine"),
    "kind_tcp": ("网络", "network"),
    "choose": (
        "要设置哪一台？请输入编号；网络打印机请输入地址（如 192.168.1.87）；不设置了请直接回车：",
        "Which one shall be set up? Its number; a network printer: its address (such as 192.168.1.87); Enter ends:",
    ),
    "choose_again": ("没有这个编号，也不像网络地址：{said}", "No such number, and no network address: {said}"),
    # a serial line
    "serial_sure": (
        "这个串口上接的确实是打印机吗？（要往里面发数据）",
        "Is it a printer that is on this port? (it will be sent data)",
    ),
    "serial_asking": ("正在找打印机的波特率……", "Looking for the printer's speed ..."),
    "serial_speed": ("波特率是 {baud}。", "Its speed is {baud} bit/s."),
    "serial_strip": (
        "刚才用五种波特率各打了一行。哪一行看得清？1 = 9600，2 = 19200，3 = 38400，4 = 57600，5 = 115200，0 = 都没有",
        "Which line is readable? 1 = 9600, 2 = 19200, 3 = 38400, 4 = 57600, 5 = 115200, 0 = none",
    ),
    "serial_none": (
        "请检查电源和线（串口打印机要用交叉线），再试一次。",
        "Check its power and the cable (a null-modem cable), then try again.",
    ),
    "serial_xon": (
        "打印机的自检纸（按住走纸键开机）上写的流控是 XON/XOFF 吗？不知道就回答 n",
        "Does its self-test (switched on with the feed button held) say XON/XOFF? n when you do not know",
    ),
    "serial_flow": ("流控：{flow}。", "Flow control: {flow}."),
    # the probe page
    "printing": ("正在打印样张……", "Printing the page of samples ..."),
    "printed": ("样张打出来了吗？", "Did it print the page?"),
    "not_printed": (
        "请检查：电源、连接线、纸有没有装反（热敏纸只有一面能打）、盖子有没有合好。",
        "Check power, cable and cover, and whether the paper is in the right way round (it prints on one side).",
    ),
    "print_again": ("再打一次吗？", "Print it again?"),
    "trouble": ("打不了：{sentence}\n  （{detail}）", "It cannot print: {sentence}\n  ({detail})"),
    "stop_agent": (
        "如果收银程序正在运行，请先停掉：systemctl stop pos-agent",
        "If the agent is running, stop it first: systemctl stop pos-agent",
    ),
    "how": (
        "请看着样张回答。输入 r 重新打一张，输入 b 回到上一题。",
        "Look at the page and answer. r prints it again, b goes back to the question before.",
    ),
    "answers_itself": ("打印机会自己回报：{what}。", "The printer answers by itself: {what}."),
    "answers_not": ("这台打印机不会回报状态，打完没有要靠人看。", "This printer cannot answer: somebody has to look."),
    "hears_status": ("状态", "its state"),
    "hears_gs_h": ("每张打完（按编号）", "the end of each job, by number"),
    "hears_gs_r": ("每张打完", "the end of each job"),
    "hears_asb": ("状态变化", "changes of its state"),
    "chosen": ("得出的设置：{profile}", "What follows from it: {profile}"),
    # the trial
    "trial": ("用这个设置打一张测试页吗？", "Print a test page with these settings?"),
    "trial_confirmed": ("打印机确认：打完了。", "The printer said that it is done."),
    "trial_sent": ("已经发给打印机。", "It was handed to the printer."),
    "trial_right": (
        "测试页对吗？（汉字清楚、不折行、二维码扫得出、切纸对）",
        "Is the test page right? (Chinese is readable, no line wraps, the QR code reads, the cut is right)",
    ),
    "which_wrong": (
        "哪一项不对？输入字母：A 纸宽，B 汉字，C 二维码，D 蜂鸣，E 钱箱，F 切纸",
        "Which one is wrong? Its letter: A width, B Chinese, C QR, D beep, E drawer, F cut",
    ),
    "answer_letter": ("请输入一个字母：{allowed}", "Answer with one of these letters: {allowed}"),
    # writing
    "name": ("这台打印机叫什么名字？（小写字母、数字、-）[{default}]", "Name of this printer [{default}]"),
    "name_wrong": (
        "名字只能用小写字母、数字和 -，最多 32 个",
        "A name has lower case letters, digits and -, 32 at most",
    ),
    "nothing_new": ("配置文件里已经是这样，不用改。", "The configuration says just that already."),
    "difference": ("配置文件会这样改（- 去掉，+ 加上）：", "This changes in the configuration (- goes, + comes):"),
    "write": ("写进 {path} 吗？", "Write it into {path}?"),
    "written": ("已写入。原来的文件留在 {kept}", "Written. The old file is kept as {kept}"),
    "not_written": ("没有写入。这是得出的设置：", "Not written. This is what was found out:"),
    "cannot_write": ("写不进去：{why}", "It cannot be written: {why}"),
}
