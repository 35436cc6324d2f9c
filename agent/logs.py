"""JSON log lines on stdout, one canonical line per notice, with an allow-list of fields.

Configured by the composition root. A field that is not on the list never reaches the log, so no openid, phone number
or code can slip in with a new feature.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog

if TYPE_CHECKING:  # the tap logs too, and knows nothing of the daemon's ports
    from agent.books_ports import Notice


ALLOWED: Final = frozenset(
    {
        "event", "level", "timestamp", "logger", "exception", "notice_id", "sale_id", "epoch", "seq", "payable_fen",
        "collected_fen", "points_earned", "discrepancies", "by", "certainty", "code", "code_kind", "device", "printer",
        "job_id", "state", "up", "reason", "result", "trigger", "count", "head", "requests", "bytes", "pushed", "feed",
        "rows", "version", "port", "socket", "store_id", "workstation_id", "hint", "seconds", "signal", "library",
        "number", "return_id", "void_id", "recharge_id", "card_id", "refund_fen", "points_returned", "points_reversed",
        "principal_fen", "gift_fen", "cash_back_fen", "units", "left", "skew_s",
        "overrides", "training",
    }
)  # fmt: skip


def _allow(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if key in ALLOWED}


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's warnings to `stream` (stdout) as JSON lines."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _allow,
    ]
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("pos_agent").setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get(name: str = "pos_agent") -> Any:
    """A bound logger."""
    return structlog.stdlib.get_logger(name)


def notice_line(notice: "Notice") -> None:
    """Write the one canonical line of a notice."""
    simple = {key: value for key, value in notice.data.items() if not isinstance(value, (dict, list))}
    fields: dict[str, object] = {key: value for key, value in simple.items() if key in ALLOWED}
    name = notice.data.get("event")
    if isinstance(name, dict):
        fields |= {"epoch": name.get("epoch"), "seq": name.get("seq")}
    found = notice.data.get("discrepancies")
    if isinstance(found, list) and found:
        fields["discrepancies"] = [one.get("code") for one in found if isinstance(one, dict)]
    allowed = notice.data.get("overrides")
    if isinstance(allowed, list) and allowed:
        fields["overrides"] = [f"{one.get('code')} {one.get('operator')}" for one in allowed if isinstance(one, dict)]
    get().info(notice.kind, notice_id=notice.id, **fields)
