"""Prometheus metrics of one till: what is up, what waits, what was done. Made anew at each scrape; holds no state.

No label carries a person, a code or a sale. Any token may read it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.api.access import Use

router = APIRouter(tags=["status"])
_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Once(Collector):
    """One scrape's figures."""

    def __init__(self, status: dict[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """Give every family."""
        status = self._status
        yield _gauge("pos_agent_ready", "Whether this till is ready to sell", int(status["ready"]))
        up = GaugeMetricFamily(
            "pos_agent_component_up", "1 up, 0 down; absent while nobody can tell", labels=["component"]
        )
        counters = CounterMetricFamily("pos_agent_device_events", "What a device counted", labels=["component", "what"])
        for name, state in status["components"].items():
            if state["up"] is not None:
                up.add_metric([name], int(state["up"]))
            for what, count in state["counters"].items():
                counters.add_metric([name, what], count)
        yield up
        yield counters
        outbox = GaugeMetricFamily("pos_agent_outbox_events", "Events by what HQ said of them", labels=["state"])
        for state, count in status["outbox"].items():
            outbox.add_metric([state], count)
        yield outbox
        rows = GaugeMetricFamily("pos_agent_replica_rows", "What this till knows", labels=["table"])
        for table, count in status["replica"].items():
            rows.add_metric([table], count)
        yield rows
        yield _gauge(
            "pos_agent_clock_trusted", "Whether the clock decides what is valid", int(status["clock"]["trusted"])
        )
        yield from _ages(status)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand."""
        return []


def _ages(status: dict[str, Any]) -> Iterator[Metric]:
    if status["snapshot_age_s"] is not None:
        yield _gauge("pos_agent_snapshot_age_seconds", "How old what it knows of members is", status["snapshot_age_s"])
    yield _gauge("pos_agent_frozen_members", "Members frozen by this till", status["frozen_here"])
    proof = status["last_proof"]
    if proof is not None:
        yield _gauge("pos_agent_last_proof_equal", "Whether the latest proof found both books equal",
                     int(proof["result"] in ("equal", "healed")))  # fmt: skip
        yield _gauge("pos_agent_last_proof_timestamp_seconds", "When it ran", proof["at_ms"] / 1000)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(use: Use) -> Response:
    """Give the figures in Prometheus' text form."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(await use.status()))
    return Response(generate_latest(registry), media_type=_MEDIA_TYPE)
