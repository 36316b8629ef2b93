"""Tests of group commit: which edits are made together, and when a group waits for more of them."""

from __future__ import annotations

import asyncio

import pytest

from models.organization.people import TeamTree
from resolvers.request import edit_groups
from resolvers.request.edit_groups import EditGroup, EditGroups, GroupedEdit
from resolvers.request.viewer import Viewer

VIEWER = Viewer.for_scheduler(TeamTree([]))
KEY = "recordDeal"


class Clients:
    """Clients whose edits wait for their turn; `group_sizes` are those of the groups in the order in which they begin."""

    def __init__(self) -> None:
        self.groups, self.group_sizes = EditGroups(), list[int]()
        self.may_end = asyncio.Event()

    async def send(self, count: int = 1) -> list[asyncio.Task[object]]:
        """Start requests, and let everything run until it waits."""
        requests = [asyncio.create_task(self._edit()) for _ in range(count)]
        await run_until_idle()
        return requests

    async def _edit(self) -> object:
        edit = GroupedEdit(VIEWER, frozenset())
        group = self.groups.find(KEY)
        if group is not None and group.accepts(edit):
            return await group.join(edit)
        group = self.groups.open(KEY, edit)
        return await group.run(self._make(group))

    async def _make(self, group: EditGroup[GroupedEdit]) -> list[object]:
        async with self.groups.turn(KEY, group):
            await asyncio.sleep(0)  # until it has the lock
            self.groups.close(KEY, group)
            self.group_sizes.append(len(group.edits))
            await self.may_end.wait()
            return list(range(len(group.edits)))


async def run_until_idle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setattr(edit_groups, "_MAX_GATHERING_SECONDS", 60)  # no test waits for so long
    return Clients()


async def end_current(clients: Clients) -> None:
    clients.may_end.set()
    await asyncio.sleep(0)
    clients.may_end = asyncio.Event()
    await run_until_idle()


async def test_clients_that_take_turns_are_made_together(clients: Clients) -> None:
    first = await clients.send(3)
    second = await clients.send(2)
    assert clients.group_sizes == [3]

    await end_current(clients)
    assert [await request for request in first] == [0, 1, 2]
    assert clients.group_sizes == [3]  # the second group waits for those that have just been answered

    third = await clients.send(3)
    assert clients.group_sizes == [3, 5]
    await end_current(clients)
    assert [await request for request in second + third] == [0, 1, 2, 3, 4]


async def test_a_group_waits_for_a_moment_only(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_groups, "_MAX_GATHERING_SECONDS", 0)
    await clients.send(3)
    requests = await clients.send(2)
    await end_current(clients)

    assert clients.group_sizes == [3, 2]
    await end_current(clients)
    assert [await request for request in requests] == [0, 1]


async def test_an_edit_after_one_that_nobody_shared_does_not_wait(clients: Clients) -> None:
    await clients.send()
    await clients.send()
    assert clients.group_sizes == [1]
    await end_current(clients)
    assert clients.group_sizes == [1, 1]
    await end_current(clients)


async def test_an_edit_that_comes_when_nothing_is_made_does_not_wait(clients: Clients) -> None:
    await clients.send(3)
    await end_current(clients)
    await clients.send()
    assert clients.group_sizes == [3, 1]
    await end_current(clients)


async def test_a_group_whose_predecessor_is_cancelled_is_made(clients: Clients) -> None:
    [first] = await clients.send()
    [second] = await clients.send()
    first.cancel()
    await run_until_idle()
    assert clients.group_sizes == [1, 1]
    await end_current(clients)
    assert await second == 0


async def test_a_request_that_is_cancelled_while_it_waits_for_its_turn_lets_the_next_one_begin(
    clients: Clients,
) -> None:
    await clients.send()
    [waiting] = await clients.send()
    waiting.cancel()
    await run_until_idle()
    [last] = await clients.send()
    await end_current(clients)
    assert clients.group_sizes == [1, 1]
    await end_current(clients)
    assert await last == 0
