"""The console's log tells sentences: all that code can record has words, and is told by them (S59)."""

import re
from pathlib import Path
from typing import Any

import pytest

from agent.wording import console_words
from agent.words.console_acts import ACTS
from sync.hq.console_log import Act, Entry, note
from tests.unit.test_console_acts import Desk, at_desk
from tests.unit.test_hq_world import BRAND, NOW_MS

HERSELF = {Act.SIGN_IN, Act.SIGN_IN_REFUSED}
"""Acts that are done to whoever does them."""


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_act_that_can_be_recorded_has_a_sentence_with_who_and_what(act: Act, language: str) -> None:
    told = console_words(language)[f"act_{act.value}"]
    places = set(re.findall(r"{(\w+)}", told))
    assert places - {"detail"} == ({"who"} if act in HERSELF else {"who", "object"})


def test_no_sentence_is_left_of_an_act_that_went() -> None:
    assert {key for key in ACTS if key.startswith("act_")} == {f"act_{act.value}" for act in Act}


def test_what_is_no_act_of_ours_is_not_recorded(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        stray: Any = "member.eaten"
        with pytest.raises(AttributeError):
            await desk.hq._write(lambda c: note(c, Entry("老板", stray, "m", "", ""), NOW_MS))
        member = desk.members[0]
        freeze = {"brand_id": BRAND, "member_id": member, "frozen": True, "why": "called us"}
        assert (await desk.call("阿强", "POST", "/freezes", freeze)).status_code == 200
        [entry, *_] = (await desk.call("看看", "GET", "/log")).json()["log"]
        while entry["act"] == Act.SIGN_IN:  # of whoever looks
            [entry, *_] = (await desk.call("看看", "GET", f"/log?before={entry['number']}")).json()["log"]
        told = console_words("zh")[f"act_{entry['act']}"].format(who=entry["name"], object=entry["object"])
        assert (told, entry["why"]) == (f"阿强 冻结了会员 {member}", "called us")

    at_desk(tmp_path, story)
