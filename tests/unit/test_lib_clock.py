from zoneinfo import ZoneInfo

import pytest

from ussd_app.lib.clock import Clock, ManualClock, day, local

NOON_UTC = 1_793_707_200_000  # 2026-11-03 12:00 UTC


def test_the_calendar_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: NOON_UTC * 1_000_000 + 999_999)
    assert Clock().now() == NOON_UTC


def test_a_calendar_start_goes_on_at_the_usual_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 5_000 * 1_000_000)
    clock = Clock(scale=0.01, start_at=NOON_UTC)
    monkeypatch.setattr("time.time_ns", lambda: 8_000 * 1_000_000)
    assert clock.now() == NOON_UTC + 3_000


def test_the_scale_touches_waits_only() -> None:
    clock = ManualClock(NOON_UTC, scale=0.01)
    assert clock.wait(3_600_000) == 36_000
    assert clock.after(3_600_000) == NOON_UTC + 36_000
    assert clock.wait(1) == 1 and Clock(scale=0).wait(5_000) == 1
    with pytest.raises(ValueError):
        Clock(scale=-1)


def test_a_manual_clock_moves_when_told() -> None:
    clock = ManualClock(NOON_UTC)
    assert clock.now() == clock.now() == NOON_UTC
    assert clock.advance(250) == clock.now() == NOON_UTC + 250
    clock.set(7)
    assert clock.now() == 7


def test_the_day_turns_at_midnight_in_kigali() -> None:
    ten_pm_utc = NOON_UTC + 10 * 3_600_000
    assert day(ten_pm_utc - 1) == "2026-11-03"
    assert day(ten_pm_utc) == "2026-11-04"
    assert day(ten_pm_utc, ZoneInfo("Africa/Nairobi")) == "2026-11-04"
    assert (local(NOON_UTC).hour, local(NOON_UTC + 1).microsecond) == (14, 1_000)
    assert local(NOON_UTC).utcoffset() == local(NOON_UTC, ZoneInfo("Africa/Kigali")).utcoffset()
