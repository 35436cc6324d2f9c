"""How fast the simulated world lives: store-seconds of virtual time per second, at 200 sales per store and day."""

from tests.bench.table import Figure
from tests.simulation.chance import DAY_S
from tests.simulation.plan import Plan
from tests.simulation.world import simulate


def measure(days: int) -> Figure:
    """Live through a few days of three stores, with all their trouble."""
    plan = Plan(seed=7, days=days, stores=3, sales=200)
    report = simulate(plan, None)
    rate = plan.days * DAY_S * plan.stores / report.seconds
    what = f"simulated world, {plan.stores} stores, {plan.days} days, {plan.sales} sales a day"
    measured = f"{report.seconds:.0f} s, {len(report.wrongs)} wrongs"
    return Figure(what, measured, "", rate, None, None, " store-s/s", more_is_better=True)
