"""From the wire of a serial scanner to the price on the cashier page, in a real Chromium.

The page itself notes when the sum changes; its clock and ours are those of one machine. On the way lie the driver, the
flow, the event stream, a quote over HTTP and the drawing of the cart.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page, async_playwright

from agent.limits import SCAN_DUPLICATE_WINDOW_MS
from drivers.simulated import SimulatedScanner
from tests.bench.table import Figure, percentile
from tests.bench.till import CASHIER, PIN, prepared
from tests.browser import _ARGUMENTS, CHROMIUM
from tests.process_world import ProcessWorld

_BARCODES = [f"690102800{number}" for number in ("0017", "0024", "0031", "0048", "0055", "0062", "0093", "0109")]
"""Articles of the demo's store, by the piece."""
_WARM = len(_BARCODES)
_WATCH = """
() => {
  const said = () => document.querySelector('#total .due dd')?.textContent ?? '';
  let before = said(), waiting = null;
  new MutationObserver(() => {
    const now = said();
    if (now === '' || now === before || waiting === null) return;
    before = now;
    waiting(performance.timeOrigin + performance.now());
    waiting = null;
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
  window.nextSum = () => { before = said(); window.sum = new Promise((done) => { waiting = done; }); };
}
"""


async def measure(count: int) -> list[Figure]:
    """Scan `count` articles, one after another as a cashier does."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        scanner = SimulatedScanner(folder / "dev" / "scanner")
        extra = f'[[scanner]]\nname = "counter"\npath = "{scanner.link}"\n'
        async with ProcessWorld(folder, extra=extra) as world, async_playwright() as playwright:
            await prepared(world, 1)
            hq = await world.serve()
            daemon = await world.run(until="sync.state")
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
            page = await browser.new_page()
            await _sign_in(page, f"http://127.0.0.1:{world.api_port}")
            taken_ms = await _scan(page, scanner, count + _WARM)
            await browser.close()
            await daemon.stop()
            await hq.stop()
        scanner.close()
    worst = percentile(taken_ms, 0.99)
    measured = f"p50 {percentile(taken_ms, 0.5):.1f} ms, p99 {worst:.1f} ms"
    return [Figure("scan on the wire to the price on the cashier page", measured, "", worst, 200, 50, " ms")]


async def _sign_in(page: Page, url: str) -> None:
    await page.goto(url)
    await page.fill("#operator", CASHIER)
    await page.fill("#pin", PIN)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#chips .chip[data-name=line].up", timeout=30_000)
    await page.evaluate(_WATCH)


async def _scan(page: Page, scanner: SimulatedScanner, count: int) -> list[float]:
    pause_s = 1.2 * SCAN_DUPLICATE_WINDOW_MS / 1000 / len(_BARCODES)  # the same code again is no re-read by then
    taken_ms = []
    for number in range(count):
        await page.evaluate("() => window.nextSum()")
        start_ms = time.time() * 1000
        scanner.scan(_BARCODES[number % len(_BARCODES)])
        seen_ms = await asyncio.wait_for(page.evaluate("() => window.sum"), 10)
        taken_ms.append(float(seen_ms) - start_ms)
        await asyncio.sleep(pause_s)
    return taken_ms[_WARM:]
