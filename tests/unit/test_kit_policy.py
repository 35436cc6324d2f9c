"""The browser policy: known keys, one exact origin, never a wildcard."""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "systemd" / "browser-policy"


def test_the_policy_names_one_origin_and_no_wildcard() -> None:
    text = (FOLDER / "pos-agent.json").read_text(encoding="utf-8")
    policy = json.loads(text)
    assert set(policy) == {"LocalNetworkAccessAllowedForUrls", "LoopbackNetworkAllowedForUrls"}
    assert "*" not in text
    assert {tuple(origins) for origins in policy.values()} == {("https://pos.example.com",)}
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in readme for key in policy)
