"""The tables of states: complete, without dead ends before the end, and obeyed by everyone who moves a row."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest

from adjoin.ads import v2
from adjoin.db.models import RunState, SliceState
from adjoin.errors import AdjoinError
from adjoin.sync.planner import PlannedSlice
from adjoin.sync.runs import PRIORITY
from adjoin.sync.states import RUN_TABLE, SLICE_TABLE, IllegalMove, RunEvent, SliceEvent, StateTable

TABLES = [
    pytest.param(RUN_TABLE, RunState, RunEvent, id="run"),
    pytest.param(SLICE_TABLE, SliceState, SliceEvent, id="slice"),
]
ENDED = {
    RunState: {RunState.SUCCEEDED, RunState.PARTLY, RunState.FAILED, RunState.CANCELLED},
    SliceState: {SliceState.COMMITTED, SliceState.SPLIT},  # one that failed is read again by the next attempt
}


def reachable(table, state):
    found, todo = set(), [state]
    while todo:
        found.add(state := todo.pop())
        todo += [move.next for move in table if move.state == state and move.next not in found]
    return found


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
class TestTable:
    def test_every_state_can_be_reached(self, table, states, events):
        assert reachable(table, table.start) == set(states)

    def test_every_event_happens_somewhere(self, table, states, events):
        assert {move.event for move in table} == set(events)

    def test_an_event_leads_to_one_state(self, table, states, events):
        pairs = [(move.state, move.event) for move in table]
        assert len(pairs) == len(set(pairs))

    def test_ended_states_have_no_way_out_and_the_others_have_one_to_an_end(self, table, states, events):
        for state in states:
            ways = [move for move in table if move.state == state]
            assert bool(ways) == (state not in ENDED[states])
            assert reachable(table, state) & ENDED[states]

    def test_what_the_table_does_not_hold_raises(self, table, states, events):
        known = {(move.state, move.event): move.next for move in table}
        for state in states:
            for event in events:
                if (state, event) in known:
                    assert table.after(state, event) is known[state, event]
                else:
                    with pytest.raises(IllegalMove, match=f"{state} does not know {event}; possible: "):
                        table.after(state, event)

    def test_many_rows_move_by_the_same_table(self, table, states, events):
        for event in events:
            assert {(state, event) for state in table.before(event)} == {
                (move.state, move.event) for move in table if move.event == event
            }


def test_the_states_that_have_ended_are_those_without_a_way_out():
    assert {state for state in RunState if state.ended} == ENDED[RunState]


def test_the_message_says_what_is_possible():
    table = StateTable(RunState.QUEUED, (RunState.QUEUED, RunEvent.TAKE, RunState.RUNNING))
    with pytest.raises(IllegalMove, match=r"RunState queued does not know fail; possible: take"):
        table.after(RunState.QUEUED, RunEvent.FAIL)
    with pytest.raises(IllegalMove, match=r"RunState running does not know take; possible: nothing any more"):
        table.after(RunState.RUNNING, RunEvent.TAKE)


# --- the book obeys -------------------------------------------------------------------------------------------------


def put(house, attempt, state):
    """A slice in a state, brought there by events alone."""
    day = date(2026, 3, 1)
    window = v2.DateWindow(since=day, until=day)
    (piece,) = house.book.plan(
        attempt, [PlannedSlice(account_id="a1", stream="account_daily", window=window)], now=house.clock.now()
    )
    for event in PATHS[state]:
        house.book.move_slice(attempt, piece, event, now=house.clock.now())
    return piece


PATHS = {
    SliceState.PLANNED: [],
    SliceState.FETCHING: [SliceEvent.START],
    SliceState.STAGED: [SliceEvent.START, SliceEvent.STAGE],
    SliceState.COMMITTED: [SliceEvent.START, SliceEvent.STAGE, SliceEvent.COMMIT],
    SliceState.FAILED: [SliceEvent.FAIL],
    SliceState.SPLIT: [SliceEvent.START, SliceEvent.SPLIT],
}


@pytest.mark.parametrize("state", list(SliceState))
def test_slices_move_by_the_table_alone(house, state):
    """Each event, in each state: it leads where the table says, or raises and changes nothing."""
    house.enqueue()
    attempt = house.take()
    for event in SliceEvent:
        piece = put(house, attempt, state)
        assert piece.state is state
        legal = {move.event: move.next for move in SLICE_TABLE if move.state == state}
        if event in legal:
            house.book.move_slice(attempt, piece, event, now=house.clock.now())
        else:
            with pytest.raises(IllegalMove):
                house.book.move_slice(attempt, piece, event, now=house.clock.now(), rows=99)
        stored = next(one for one in house.slices(attempt) if one.id == piece.id)
        assert (stored.state, stored.rows) == (legal.get(event, state), 0)


def in_state(house, state):
    """A run in a state, brought there by the book's own methods."""
    run = house.enqueue()
    if state is RunState.QUEUED:
        return run, None
    attempt = house.take()
    if state is not RunState.RUNNING:
        house.book.finish(attempt, now=house.clock.now(), state=state)
    return run, attempt


@pytest.mark.parametrize("state", list(RunState))
def test_runs_move_by_the_table_alone(any_house, state):
    """Whatever is tried in a state, the run goes where the table leads or stays where it is."""
    house, now = any_house, any_house.clock.now()
    tries = {
        RunEvent.TAKE: lambda run, attempt: house.book.take(run.id, now=now),
        RunEvent.RELEASE: lambda run, attempt: house.book.release(attempt, now=now),
        RunEvent.LOSE: lambda run, attempt: house.book.requeue_orphans(),
        RunEvent.CANCEL: lambda run, attempt: (
            house.book.request_cancel("default", run.id, now=now)
            if attempt is None or state.ended
            else house.book.finish(attempt, now=now, state=RunState.CANCELLED)
        ),
        RunEvent.SUCCEED: lambda run, attempt: house.book.finish(attempt, now=now, state=RunState.SUCCEEDED),
        RunEvent.END_PARTLY: lambda run, attempt: house.book.finish(attempt, now=now, state=RunState.PARTLY),
        RunEvent.FAIL: lambda run, attempt: house.book.finish(attempt, now=now, state=RunState.FAILED),
    }
    assert set(tries) == set(RunEvent)
    legal = {move.event: move.next for move in RUN_TABLE if move.state == state}
    for event, attempt_it in tries.items():
        run, attempt = in_state(house, state)
        if event in legal:
            attempt_it(run, attempt)
        elif attempt is not None or event in (RunEvent.TAKE, RunEvent.LOSE):
            with suppress(AdjoinError):
                assert attempt_it(run, attempt) in (None, 0)
        assert house.book.get("default", run.id).state is legal.get(event, state)
        active = house.book.get("default", run.id)
        if not active.state.ended:  # out of the way of the next one
            if active.state is RunState.RUNNING:
                house.book.requeue_orphans()
            house.book.request_cancel("default", run.id, now=now)


def test_every_trigger_has_its_urgency():
    """Whoever waits goes before what nobody waits for."""
    order = sorted(PRIORITY, key=PRIORITY.__getitem__, reverse=True)
    assert [str(trigger) for trigger in order] == ["person", "resume", "schedule", "backfill"]
