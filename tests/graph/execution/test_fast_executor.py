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

from graph.execution.fast_executor import FastExecutor, compile_schema, is_awaitable

SCHEMA = "type Query { a: Int } type Subscription { board: Board } type Board { total: Int best: Row } type Row { rank: Int }"


async def test_stream_executor_does_not_grow_with_events() -> None:
    """The library caches subfields by the identity of lists that it creates for each event."""
    document = parse("subscription { board { total best { rank } } }")
    stream: Any = FastExecutor.build(build_schema(SCHEMA), document, is_awaitable=is_awaitable)

    cache_sizes = []
    for total in range(5):
        board = {"total": total, "best": {"rank": 1}}
        result = await stream.execute_event({"board": board})
        assert (result.data, result.errors) == ({"board": board}, None)
        cache_sizes.append((len(stream._relevant_sub_fields), len(stream._steps_by_field_set)))
    assert cache_sizes == [cache_sizes[0]] * 5


class FieldSource:
    """Source of field values by name: a plain value, a function to call, or an awaitable."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def __call__(self, name: str) -> Any:
        value = self.values.get(name)
        return value() if inspect.isfunction(value) else value


def raise_error() -> Any:
    raise ValueError("It fails.")


class DelayedValue:
    """An awaitable value; unlike a coroutine, it gives no warning when it is never awaited."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        return self.value() if inspect.isfunction(self.value) else self.value


def delayed(value: Any) -> Any:
    return lambda: DelayedValue(value)


def _source_field(name: str, graphql_type: Any) -> Any:
    return strawberry.field(resolver=lambda root: root(name), graphql_type=graphql_type)


@strawberry.type
class Part:
    number: int | None = _source_field("number", int | None)
    needed: int = _source_field("needed", int)


@strawberry.type
class Whole:
    number: int | None = _source_field("number", int | None)
    needed: int = _source_field("needed", int)
    part: Part | None = _source_field("part", Part | None)
    needed_part: Part = _source_field("needed_part", Part)
    parts: list[Part] = _source_field("parts", list[Part])
    holes: list[Part | None] | None = _source_field("holes", list[Part | None] | None)

    @strawberry.field
    @staticmethod
    def sized(root: strawberry.Parent[Any], size: int = 1) -> int:
        return size


@strawberry.type
class Query:
    first: Whole | None = _source_field("first", Whole | None)
    second: Whole | None = _source_field("second", Whole | None)


LEAF_VALUES = (
    1,
    None,
    "no number",
    raise_error,
    ValueError("given"),
    delayed(2),
    delayed(None),
    delayed(raise_error),
    delayed("no number"),
)
SELECTION = "{ number needed part { number needed } needed: needed neededPart { needed } parts { number needed } holes { needed } sized(size: 3) }"


def _random_part(random: Random) -> Any:
    return FieldSource(number=random.choice(LEAF_VALUES), needed=random.choice((1, 2, 3, *LEAF_VALUES)))


def _random_variant(random: Random, value: Any) -> Any:
    """Return a source of the value, immediate or delayed, or sometimes null or an error."""
    return random.choice((lambda: value, lambda: value, delayed(value), None, raise_error, delayed(raise_error)))


def _random_whole(random: Random) -> FieldSource:
    def parts() -> list[Any]:
        return [_random_part(random) for _ in range(random.randrange(4))]

    def parts_or_none() -> list[Any]:
        return [random.choice((part, None)) for part in parts()]

    return FieldSource(
        number=random.choice(LEAF_VALUES),
        needed=random.choice((1, 2, 3, *LEAF_VALUES)),
        part=_random_variant(random, _random_part(random)),
        needed_part=_random_variant(random, _random_part(random)),
        parts=_random_variant(random, parts()),
        holes=_random_variant(random, parts_or_none()),
    )


@pytest.mark.parametrize("seed", range(300))
async def test_fast_executor_equals_the_library_executor(seed: int) -> None:
    """Random values, delays, errors, missing and wrong values: the same data, and the same errors at the same paths."""
    random = Random(seed)
    root_value = FieldSource(first=_random_variant(random, _random_whole(random)), second=_random_whole(random))
    outcomes = []
    for executor in (StrawberryGraphQLCoreExecutionContext, FastExecutor):
        schema = strawberry.Schema(query=Query)._schema
        if executor is FastExecutor:
            compile_schema(schema)
        document = parse(f"{{ first {SELECTION} second {SELECTION} }}")
        result = execute(schema, document, root_value, executor_class=executor, is_awaitable=is_awaitable)
        answer: Any = await result if inspect.isawaitable(result) else result
        errors = {(str(error.path), error.message, str(error.locations)) for error in answer.errors or ()}
        outcomes.append((answer.data, errors if answer.data else bool(errors)))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("steps", range(1, 7))
@pytest.mark.parametrize("selection", ["{ part { number needed } number needed }", "{ parts { number needed } }"])
async def test_cancelled_execution_loses_no_coroutine_at_any_step(selection: str, steps: int) -> None:
    """A client may leave at any moment; a coroutine that is never awaited would be reported as a warning."""
    begun: list[Any] = []

    async def load(value: Any) -> Any:
        await asyncio.sleep(0)
        return value

    def begin(value: Any) -> Any:
        begun.append(load(value))
        return lambda: begun[-1]

    part = FieldSource(number=lambda: begin(1)(), needed=lambda: begin(2)())
    whole = FieldSource(
        part=lambda: begin(part)(), parts=[part, part], number=lambda: begin(1)(), needed=lambda: begin(2)()
    )
    schema = strawberry.Schema(query=Query)._schema
    compile_schema(schema)
    running: Any = execute(
        schema,
        parse(f"{{ first {selection} }}"),
        FieldSource(first=whole),
        executor_class=FastExecutor,
        is_awaitable=is_awaitable,
    )
    task = asyncio.ensure_future(running)
    for _ in range(steps):
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task])

    assert begun
    assert [inspect.getcoroutinestate(coroutine) for coroutine in begun] == [inspect.CORO_CLOSED] * len(begun)
