"""WCAG 2.2 AA of a page as Chromium renders it: contrast, edges, targets, names, focus and its order. Names offenders.

`Wcag(page)` then `look("state")` in every state of a page; `offenders` at the end. Used by the pages' and the console's
tests.
"""

from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

_RULES: Final = Path(__file__).with_name("wcag.js").read_text(encoding="utf-8")
_NAMED: Final = {
    "button", "textbox", "link", "combobox", "checkbox", "radio", "dialog", "image", "img", "searchbox", "spinbutton",
    "switch", "tab", "menuitem",
}  # fmt: skip
_FOCUSED: Final = """() => {
  const el = document.activeElement;
  if (!el || el === document.body) return null;
  const style = getComputedStyle(el);
  const box = el.getBoundingClientRect();
  const all = [...document.querySelectorAll('*')];
  return {
    at: all.indexOf(el),
    name: el.tagName.toLowerCase() + (el.id ? '#' + el.id : '') + ' ' + el.textContent.slice(0, 20),
    outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth), colour: style.outlineColor,
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.height > 0,
  };
}"""


class Wcag:
    """Collects what is wrong, by state."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._protocol = page.context.new_cdp_session(page)
        self.offenders: list[str] = []
        self.texts = 0
        self.controls = 0

    def look(self, state: str) -> None:
        """Judge what stands there now."""
        judged: dict[str, Any] = self._page.evaluate(f"({_RULES})()")
        self.texts += judged["counted"]["texts"]
        self.controls += judged["counted"]["controls"]
        self.offenders += [f"{state}: {one}" for one in [*judged["found"], *self._nameless()]]

    def walk(self, state: str, most: int = 200) -> list[str]:
        """Tab through the page from its start: focus is seen wherever it is, in the order of the document."""
        self._page.evaluate("document.activeElement?.blur(); document.body.tabIndex = -1; document.body.focus()")
        met: list[dict[str, Any]] = []
        for _ in range(most):
            self._page.keyboard.press("Tab")
            one = self._page.evaluate(_FOCUSED)
            if one is None or any(one["at"] == before["at"] for before in met):
                break
            met.append(one)
            if one["outline"] < 2 or not one["seen"]:
                self.offenders.append(f"{state}: focus cannot be seen on {one['name']}: {one}")
        places = [one["at"] for one in met]
        if places != sorted(places):
            self.offenders.append(f"{state}: focus jumps: {[one['name'] for one in met]}")
        self._page.evaluate("document.body.removeAttribute('tabindex')")
        return [str(one["name"]) for one in met]

    def live(self) -> dict[str, str]:
        """Ids of the regions a screen reader speaks by itself, and how."""
        found: dict[str, str] = self._page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('[aria-live], [role=alert], [role=status]')]"
            ".filter((el) => el.id).map((el) => [el.id, el.getAttribute('aria-live')"
            " ?? (el.role === 'alert' ? 'assertive' : 'polite')]))"
        )
        return found

    def _nameless(self) -> list[str]:
        """Controls without a name, as the browser computes names for a screen reader."""
        tree = self._protocol.send("Accessibility.getFullAXTree")
        return [
            f"no name: {node['role']['value']}"
            for node in tree["nodes"]
            if not node.get("ignored")
            and node.get("role", {}).get("value") in _NAMED
            and not str(node.get("name", {}).get("value", "")).strip()
        ]
