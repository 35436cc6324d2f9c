"""R15: when something is valid, in local days: coupons and promotions, the member day, birthdays.

Pure. Instants are UTC milliseconds and become Asia/Shanghai dates here and in agent.domain.business_day alone, so a
clock set to another zone cannot move a coupon's last day (S45). The till and HQ decide with the same functions.
"""

import calendar
from datetime import UTC, date, datetime, timedelta
from typing import Final

from agent.domain.business_day import SHANGHAI, local_time

NATURAL_DAYS: Final = 15  # LIMIT: the shortest validity a coupon may be issued with (S44)
BIRTHDAY_PACK_DAYS: Final = 3  # the pack is sent this long before (S26)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_ms(text: str) -> int:
    """Read an ISO 8601 timestamp as UTC milliseconds; one without offset is Asia/Shanghai. Raises ValueError.

    >>> instant_ms("2026-08-09T00:00:00") == instant_ms("2026-08-08T16:00:00Z") == 1_786_204_800_000
    True
    """
    read = datetime.fromisoformat(text)
    aware = read if read.tzinfo is not None else read.replace(tzinfo=SHANGHAI)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def local_day(at_ms: int) -> date:
    """Give the Asia/Shanghai date of an instant."""
    return local_time(at_ms).date()


def is_valid(start: date | None, end: date | None, at_ms: int) -> bool:
    """Tell whether an instant lies in [start 00:00, end + 1 day 00:00) local time; None is open on that side.

    >>> march = (date(2026, 3, 1), date(2026, 3, 15))
    >>> is_valid(*march, instant_ms("2026-03-15T23:59:59")), is_valid(*march, instant_ms("2026-03-15T16:00:00Z"))
    (True, False)
    """
    day = local_day(at_ms)
    return (start is None or start <= day) and (end is None or day <= end)


def natural_days(start: date, end: date) -> int:
    """Count the days of a validity, both ends included.

    >>> natural_days(date(2026, 3, 1), date(2026, 3, 15))
    15
    """
    return (end - start).days + 1


def months_on(day: date, months: int) -> date:
    """Go on calendar months; a day the month does not have becomes its last.

    >>> months_on(date(2026, 8, 31), 6), months_on(date(2026, 11, 22), 12)
    (datetime.date(2027, 2, 28), datetime.date(2027, 11, 22))
    """
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(day.day, calendar.monthrange(year, month0 + 1)[1]))


def is_birthday(business_day: str, birthday: str) -> bool:
    """Whether a business day is the birthday MM-DD of a member; "" is never (S26).

    >>> is_birthday("2027-02-28", "02-29"), is_birthday("2028-02-28", "02-29"), is_birthday("2026-11-22", "")
    (True, False, False)
    """
    if not birthday:
        return False
    month, day = birthday.split("-")
    return birthday_in(int(business_day[:4]), int(month), int(day)).isoformat() == business_day


def may_issue(start: date, end: date) -> bool:
    """Tell whether a coupon with this validity may be issued: at least 15 natural days (S44)."""
    return natural_days(start, end) >= NATURAL_DAYS


def member_day_mult(paid_at_ms: int, day_of_month: int | None, mult_x100: int = 200) -> int:
    """Give the member day's multiplier for the moment of payment, 100 on every other day (S25).

    >>> [member_day_mult(instant_ms(f"2026-08-08T{hour}:00:00Z"), 8) for hour in (15, 16)]
    [200, 100]
    """
    return mult_x100 if local_day(paid_at_ms).day == day_of_month else 100


def birthday_in(year: int, month: int, day: int) -> date:
    """Give the birthday of a year; who was born on 29 February has it on the 28th where the year has none.

    >>> birthday_in(2027, 2, 29), birthday_in(2028, 2, 29)
    (datetime.date(2027, 2, 28), datetime.date(2028, 2, 29))
    """
    if (month, day) == (2, 29):
        return date(year, 3, 1) - timedelta(days=1)
    return date(year, month, day)


def birthday_pack_on(year: int, month: int, day: int) -> date:
    """Give the day the birthday pack of that year's birthday is sent, 3 days before (S26).

    >>> birthday_pack_on(2027, 1, 2)
    datetime.date(2026, 12, 30)
    """
    return birthday_in(year, month, day) - timedelta(days=BIRTHDAY_PACK_DAYS)
