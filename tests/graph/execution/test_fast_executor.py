"""The fast executor returns the same as the library's, and its caches do not grow with a stream's events."""

from __future__ import annotations

import asyncio
import inspect
from random import Random
from typing import Any

import pytest
import strawberry
from graphql import build_schema, execute, parse
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.execution.fast_executor import Executor, is_awaitable, planned

SCHEMA = "type Query { a: Int } type Subscription { board: Board } type Board { total: Int best: Row } type Row { rank: Int }"


async def test_a_stream_keeps_nothing_of_its_past_events() -> None:
    """The library caches subfields by the identity of lists that it creates for each event."""
    document = parse("subscription { board { total best { rank } } }")
    stream: Any = Executor.build(build_schema(SCHEMA), document, is_awaitable=is_awaitable)

    kept = []
    for total in range(5):
        board = {"total": total, "best": {"rank": 1}}
        result = await stream.event({"board": board})
        assert (result.data, result.errors) == ({"board": board}, None)
        kept.append((len(stream._relevant_sub_fields), len(stream._planned)))
    assert kept == [kept[0]] * 5


class Row:
    """Source of field values by name: a plain value, a function to call, or an awaitable."""

    def __init__(self, **given: Any) -> None:
        self.given = given

    def __call__(self, name: str) -> Any:
        found = self.given.get(name)
        return found() if inspect.isfunction(found) else found


def fails() -> Any:
    raise ValueError("It fails.")


class Soon:
    """An awaitable value; unlike a coroutine, it gives no warning when it is never awaited."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        return self.value() if inspect.isfunction(self.value) else self.value


def soon(value: Any) -> Any:
    return lambda: Soon(value)


def _read(name: str, kind: Any) -> Any:
    return strawberry.field(resolver=lambda root: root(name), graphql_type=kind)


@strawberry.type
class Part:
    number: int | None = _read("number", int | None)
    needed: int = _read("needed", int)


@strawberry.type
class Whole:
    number: int | None = _read("number", int | None)
    needed: int = _read("needed", int)
    part: Part | None = _read("part", Part | None)
    needed_part: Part = _read("needed_part", Part)
    parts: list[Part] = _read("parts", list[Part])
    holes: list[Part | None] | None = _read("holes", list[Part | None] | None)

    @strawberry.field
    @staticmethod
    def sized(root: strawberry.Parent[Any], size: int = 1) -> int:
        return size


@strawberry.type
class Query:
    first: Whole | None = _read("first", Whole | None)
    second: Whole | None = _read("second", Whole | None)


ODD_LEAVES = (1, None, "no number", fails, ValueError("given"), soon(2), soon(None), soon(fails), soon("no number"))
ASKED = "{ number needed part { number needed } needed: needed neededPart { needed } parts { number needed } holes { needed } sized(size: 3) }"


def _any_part(random: Random) -> Any:
    return Row(number=random.choice(ODD_LEAVES), needed=random.choice((1, 2, 3, *ODD_LEAVES)))


def _any(random: Random, value: Any) -> Any:
    """Return a source of the value, immediate or delayed, or sometimes null or an error."""
    return random.choice((lambda: value, lambda: value, soon(value), None, fails, soon(fails)))


def _any_whole(random: Random) -> Row:
    def parts() -> list[Any]:
        return [_any_part(random) for _ in range(random.randrange(4))]

    def some() -> list[Any]:
        return [random.choice((part, None)) for part in parts()]

    return Row(
        number=random.choice(ODD_LEAVES),
        needed=random.choice((1, 2, 3, *ODD_LEAVES)),
        part=_any(random, _any_part(random)),
        needed_part=_any(random, _any_part(random)),
        parts=_any(random, parts()),
        holes=_any(random, some()),
    )


@pytest.mark.parametrize("seed", range(300))
async def test_what_is_executed_briefly_is_as_the_library_would_have_it(seed: int) -> None:
    """Random values, delays, errors, missing and wrong values: the same data, and the same errors at the same paths."""
    random = Random(seed)
    given = Row(first=_any(random, _any_whole(random)), second=_any_whole(random))
    found = []
    for executor in (StrawberryGraphQLCoreExecutionContext, Executor):
        schema = strawberry.Schema(query=Query)._schema
        if executor is Executor:
            planned(schema)
        document = parse(f"{{ first {ASKED} second {ASKED} }}")
        result = execute(schema, document, given, executor_class=executor, is_awaitable=is_awaitable)
        answer: Any = await result if inspect.isawaitable(result) else result
        errors = {(str(each.path), each.message, str(each.locations)) for each in answer.errors or ()}
        found.append((answer.data, errors if answer.data else bool(errors)))
    assert found[0] == found[1]
