"""The time that is left, at the pace so far."""

from __future__ import annotations

from guise.cli.app.tabs.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def left_after(clock: Clock, pace: Pace, *steps: tuple[float, str, int, int]) -> float | None:
    for seconds, what, done, total in steps:
        clock.now += seconds
        pace.step(what, done, total)
    left = pace.state()["left"]
    assert left is None or isinstance(left, float)
    return left


def test_it_is_not_known_before_the_first_item() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.state()["left"] is None
    assert left_after(clock, pace, (5, "looking for faces", 1, 2), (5, "looking for faces", 2, 2)) == 0
    assert left_after(clock, pace, (0, "protecting", 0, 4)) is None


def test_items_that_are_reported_when_they_are_done_take_the_time_before_the_report() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert left_after(clock, pace, (1, "looking for faces", 4, 4), (30, "protecting", 1, 4)) == 90
    clock.now += 10
    assert pace.state()["left"] == 80
    assert left_after(clock, pace, (1000, "fitting again", 1, 3)) == 0
    assert pace.state()["part"] == ("fitting again", 1, 3) and (pace.state()["what"], pace.state()["done"]) == (
        "protecting",
        1,
    )
    assert left_after(clock, pace, (20, "protecting", 2, 4)) == 1060 and pace.state()["part"] is None


def test_skipped_items_do_not_count() -> None:
    clock = Clock()
    pace = Pace(clock)
    left_after(clock, pace, (1, "protecting", 0, 10))
    pace.skipped(5)
    assert left_after(clock, pace, (0, "protecting", 5, 10)) is None
    assert left_after(clock, pace, (20, "protecting", 6, 10)) == 80


def test_a_job_that_is_to_stop_says_so_whatever_comes() -> None:
    pace = Pace()
    pace.stopping = True
    pace.step("protecting", 1, 2)
    assert pace.state()["what"] == "stopping"
