"""A chain's hour against one headquarters on PostgreSQL, which is killed in the minutes in which all stores prove.

A tenth of the chain by default (1,000 stores, 100,000 sales, some ten minutes). The whole:
`POS_AGENT_STORES=10000 POS_AGENT_SALES=100 POS_AGENT_FASTER=4`, or `make bench`.
"""

import asyncio
from pathlib import Path

from agent.limits import HQ_TIMEOUT_S
from tests.postgres import running
from tests.thousands.outcome import Outcome, Size
from tests.thousands.world import Chain

_TENTH = Size(stores=1_000, sales=100, faster=12)


def test_an_hour_with_headquarters_killed_in_it_loses_nothing_and_ends_without_a_stampede(tmp_path: Path) -> None:
    async def story() -> tuple[Chain, Outcome]:
        with running(durable=True) as server:
            chain = Chain(tmp_path, server, Size.of_environment(_TENTH))
            await chain.begin()
            return chain, await chain.live(lambda line: print(line, flush=True))

    chain, outcome = asyncio.run(story())
    print(*outcome.lines(), sep="\n")
    # Every sale once, every balance the sum of its postings and of the receipts, every proof equal.
    assert outcome.books.faults(chain.shops) == []
    assert (outcome.strange, outcome.unproven) == ([], 0)
    # No stampede: whoever is answered is answered in time, whoever is not hears so in time and obeys.
    after = outcome.after
    assert max(outcome.before.longest_s(), after.longest_s(), after.longest_refusal_s) < HQ_TIMEOUT_S
    assert after.failed["ReadTimeout"] == 0
    calls, refused = after.answered() + after.refused, after.refused
    assert refused < 3 * after.answered(), f"{refused} of {calls} calls were sent away"
    busiest = max(outcome.minute())
    assert busiest < chain.size.stores / 3, f"{busiest} calls in one second after the restart"
