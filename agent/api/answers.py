"""What callers get: the answer models of the OpenAPI document. Tests validate every real answer against them.

Handlers return plain JSON made by agent.views, so nothing is serialised twice; these models describe it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict


def _open(schema: JsonDict) -> None:
    """Strict for our tests, open in the document: a vendor's generated reader must survive an added field."""
    schema.pop("additionalProperties", None)


class Answer(BaseModel):
    """Base of every answer; fields may be added within /v1, so readers must ignore unknown ones."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_open)


class Hello(Answer):
    """Who answers, and whether it is ready to sell."""

    name: str
    version: str
    api: str
    capabilities: list[str]
    store_id: str
    store_name: str
    workstation_id: str
    training: bool
    """True: what is booked is thrown away and never reaches headquarters."""
    ready: bool
    not_ready: list[str]


class Paired(Answer):
    """The token, shown once."""

    token: str
    app: str
    scopes: list[Literal["sell", "print", "drawer", "manage"]]
    """What the token may do; status and events any token may read."""


class EventNameView(Answer):
    """The event's name in the books."""

    workstation_id: str
    epoch: str
    seq: int


class SaleMember(Answer):
    """Who earned."""

    member_id: str
    masked: str


class ComponentView(Answer):
    """A device or HQ: `up` is null until it first reported."""

    up: bool | None
    since_at_ms: int
    reason: str
    counters: dict[str, int]


class OutboxView(Answer):
    """Events by what HQ said of them; `suspended` and `conflict` wait for a person."""

    pending: int
    suspended: int
    conflict: int
    acknowledged: int


class ProofView(Answer):
    """A finished reconciliation: `equal`, `healed`, `different` or `unreachable`."""

    at_ms: int
    trigger: str
    epoch: str
    count: int
    head: str
    result: Literal["equal", "healed", "different", "unreachable"]
    detail: dict[str, object]


class ClockView(Answer):
    """Whether this machine's clock decides what is valid today; `why` names who vouches for it, or what is wrong."""

    trusted: bool
    why: str


class BudgetView(Answer):
    """What this till may spend today beyond its leases while HQ cannot be reached (R13), and what is used; fen."""

    business_day: str
    till_day_fen: int
    member_day_fen: int
    used_fen: int
    left_fen: int


class ModeView(Answer):
    """Which books the till books into: its own, or those of a training that nobody keeps."""

    training: bool
    fixed_by: Literal["file", "run"] | None
    """What decides, so that no manager can switch: the configuration, or how the agent was started."""
    changing: bool
    """The other books are being opened: the line breaks, and is back within seconds."""
    real_waiting: int
    """Events of the till's own books that HQ has not acknowledged; in a training they wait for its end."""


class StatusView(Hello):
    """What is up and since when, what waits for HQ, what the replica holds, the latest proof and the next one."""

    mode: ModeView

    components: dict[str, ComponentView]
    outbox: OutboxView
    sync_alarm: str
    replica: dict[str, int]
    clock: ClockView
    snapshot_age_s: int | None
    """How old what this till knows of members is; null: nobody can tell, and nothing is spent."""
    frozen_here: int
    """Members whom this till froze and nobody released yet (S53)."""
    offline_budget: BudgetView | None
    last_proof: ProofView | None
    next_proof_at_ms: int


class Problem(Answer):
    """RFC 9457: `code` is stable, `detail` is the cashier's sentence in Chinese, `hint` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    field: str | None = None
    errors: list[dict[str, str]] | None = None
