"""What a vendor's POS remembers of what it began, over its own restart."""

from pathlib import Path

import pytest

from agent.kit.pos_agent.client import NoAnswer, PosAgent
from agent.kit.pos_agent.kept import _NOTES, Body, Kept


def sale(name: str, books: str = "") -> Body:
    return Body(f"sales-{name}", "/v1/sales", b'{"sale_id": "%s"}\n' % name.encode(), books)


def test_a_body_outlives_the_pos_with_the_books_it_is_meant_for(tmp_path: Path) -> None:
    before = Kept(tmp_path)
    first, second = before.put(sale("a"), "real"), before.put(sale("b"), "training")
    after = Kept(tmp_path)
    assert after.waiting() == [first, second] == [sale("a", "real"), sale("b", "training")]
    assert (after.books("sales-a"), after.books("sales-b"), after.books("sales-c")) == ("real", "training", "")
    after.drop(first)
    assert Kept(tmp_path).waiting() == [second]


def test_a_body_that_an_earlier_version_kept_names_no_books(tmp_path: Path) -> None:
    (tmp_path / "sales-a.body").write_bytes(b'/v1/sales\n{"sale_id": "a"}\n')
    assert Kept(tmp_path).waiting() == [sale("a")]


def test_begun_while_no_till_answers_it_is_kept_without_books_until_one_says(tmp_path: Path) -> None:
    nowhere = PosAgent("http://127.0.0.1:9", "token", keep=tmp_path, patience_s=0)
    with nowhere, pytest.raises(NoAnswer):
        nowhere.sell({"sale_id": "a", "lines": [], "tenders": []})
    (waiting,) = Kept(tmp_path).waiting()
    assert (waiting.name, waiting.books) == ("sales-a", "")
    assert Kept(tmp_path).put(waiting, "training").books == "training"
    assert Kept(tmp_path).books("sales-a") == "training"


def test_what_was_begun_in_some_books_stays_theirs_and_the_oldest_is_forgotten() -> None:
    kept = Kept(None)
    kept.note("quote-0", "real")
    kept.note("quote-0", "training")
    kept.note("quote-none", "")
    assert (kept.books("quote-0"), kept.books("quote-none")) == ("real", "")
    for number in range(1, _NOTES + 1):
        kept.note(f"quote-{number}", "training")
    assert (kept.books("quote-0"), kept.books("quote-1")) == ("", "training")
