"""The queue of a slow client and the memory budget of the process: no sequence of calls exceeds their limits."""

from __future__ import annotations

from hypothesis import given as for_all
from hypothesis import strategies as st

from server.websocket.protocol import PreparedText
from server.websocket.send_queue import MemoryBudget, SendQueue

MAX_QUEUED_BYTES, MAX_TOTAL_BYTES, MAX_TEXT_BYTES = 1_000, 2_500, 700
queue_numbers = st.integers(0, 3)
slots = st.tuples(st.sampled_from("ab"), st.integers(0, 4))
sizes = st.integers(1, MAX_TEXT_BYTES)
calls = st.lists(
    st.one_of(
        st.tuples(st.just("put"), queue_numbers, slots, sizes),
        st.tuples(st.just("reserve"), queue_numbers, sizes),
        st.tuples(st.just("pop"), queue_numbers),
        st.tuples(st.just("discard"), queue_numbers, st.sampled_from("ab")),
        st.tuples(st.just("clear"), queue_numbers),
    ),
    max_size=60,
)


@for_all(calls)
def test_any_calls_keep_the_queue_and_the_budget_within_their_limits(calls):
    budget = MemoryBudget(MAX_TOTAL_BYTES)
    queues: list[SendQueue] = []
    for _ in range(4):
        queue = SendQueue(budget, MAX_QUEUED_BYTES, lambda: None)
        queue.release_memory = queue.clear
        queues.append(queue)

    for name, number, *arguments in calls:
        queue = queues[number]
        if name == "put":
            queue.put(arguments[0], b"", PreparedText(b""), arguments[1])
        elif name != "pop" or queue:
            getattr(queue, name)(*arguments)

        assert all(0 <= queue.size <= MAX_QUEUED_BYTES for queue in queues)
        assert budget.total_bytes == sum(queue.size for queue in queues) <= MAX_TOTAL_BYTES


@for_all(st.lists(st.tuples(slots, st.integers(1, 100)), max_size=40))
def test_texts_leave_the_queue_in_the_order_in_which_their_slots_were_taken(puts):
    queue = SendQueue(MemoryBudget(10**6), 10**6, lambda: None)
    expected: dict[tuple[str, int], bytes] = {}
    for number, (slot, size) in enumerate(puts):
        queue.put(slot, b"", PreparedText(b"%d" % number), size)
        expected[slot] = b"%d" % number

    assert [queue.pop()[1].body for _ in range(len(queue))] == list(expected.values())
    assert queue.size == 0
