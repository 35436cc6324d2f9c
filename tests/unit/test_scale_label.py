"""Scale labels of 13 and 18 digits (R3): read back as printed; every wrong digit is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.scale_label import LabelFormat, ScaleLabel, read_label


def printed(body: str) -> str:
    """The label of a scale: its digits and the check digit that makes the weighted sum (3, 1 from the right) round."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return body + str(-weighted % 10)


@pytest.mark.parametrize(
    ("label_format", "body", "found"),
    [
        (LabelFormat.F6E5, "200012301819", ScaleLabel("000123", 1819, None)),
        (LabelFormat.FF5E5, "220012301819", ScaleLabel("00123", 1819, None)),
        (LabelFormat.F6G5, "200012300456", ScaleLabel("000123", None, 456)),
        (LabelFormat.FF5G5, "220012300456", ScaleLabel("00123", None, 456)),
        (LabelFormat.FF5E5G5, "26001230181900456", ScaleLabel("00123", 1819, 456)),
    ],
)
def test_a_label_is_read_by_its_format(label_format: LabelFormat, body: str, found: ScaleLabel) -> None:
    assert read_label(printed(body), label_format) == found


@given(st.from_regex(r"2([0-9]{11}|[0-9]{16})", fullmatch=True, alphabet="0123456789"), st.data())
def test_one_wrong_digit_is_refused(body: str, data: st.DataObject) -> None:
    label = printed(body)
    place = data.draw(st.integers(0, len(label) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != label[place]]))
    assert read_label(label) is not None
    assert read_label(label[:place] + other + label[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "2000123018195 ", "２000123018195", "200012301819", "26001230181900456", "abc"])
def test_what_is_no_label_is_refused(text: str) -> None:
    assert read_label(text) is None


def test_a_label_of_another_length_than_its_format_is_refused() -> None:
    assert read_label(printed("200012301819"), LabelFormat.FF5E5G5) is None
