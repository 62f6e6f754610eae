"""The heartbeat of an attempt: it goes on whatever the loop does, and stops who is not to go on."""

from __future__ import annotations

import threading
import time

from adjoin.errors import Fenced, StateError
from adjoin.sync.pulse import Pulse

PATIENCE = 20


class Book:
    """Answers each heartbeat with the next of `answers`, the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.times = []
        self.heard = threading.Semaphore(0)

    def heartbeat(self, attempt, *, now):
        self.times.append(now)
        self.heard.release()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def pulse(house, book, stop):
    house.enqueue()
    return Pulse(book, house.take(), clock=house.clock, stop=stop, every=0.01)


def test_it_beats_while_the_thread_that_works_does_not_let_go(house):
    """As a long parse does, by the clock that is given."""
    book = Book(False)
    with pulse(house, book, stop=lambda: None):
        for _ in range(3):
            assert book.heard.acquire(timeout=PATIENCE)
    assert set(book.times) == {house.clock.now()}


def test_a_request_to_cancel_stops_the_work_once(house):
    """And says why."""
    stopped = threading.Event()
    book = Book(False, True)
    with pulse(house, book, stop=stopped.set) as beating:
        assert stopped.wait(PATIENCE)
    assert (beating.cancel_asked, beating.fenced) == (True, None)
    assert len(book.times) == 2


def test_an_attempt_that_was_taken_over_is_stopped(house):
    """The error is kept for the one that it stops."""
    stopped = threading.Event()
    fenced = Fenced("taken over")
    with pulse(house, Book(fenced), stop=stopped.set) as beating:
        assert stopped.wait(PATIENCE)
    assert (beating.cancel_asked, beating.fenced) == (False, fenced)


def test_a_store_that_is_away_stops_nothing(house):
    """It is asked again, even after a fault of our own."""
    book = Book(StateError("away"), ValueError("a mistake"), False)
    stopped = threading.Event()
    with pulse(house, book, stop=stopped.set):
        for _ in range(4):
            assert book.heard.acquire(timeout=PATIENCE)
    assert not stopped.is_set()


def test_after_its_end_it_stops_nobody(house):
    """Though its answer was under way."""
    asked, going_on = threading.Event(), threading.Event()

    class Slow(Book):
        def heartbeat(self, attempt, *, now):
            asked.set()
            going_on.wait(PATIENCE)
            return True

    stopped = threading.Event()
    with pulse(house, Slow(True), stop=stopped.set) as beating:
        assert asked.wait(PATIENCE)
    going_on.set()
    deadline = time.monotonic() + PATIENCE
    while beating._thread.is_alive():
        assert time.monotonic() < deadline
    assert not stopped.is_set()
