"""Breadth-first execution returns the same as graphql-core: data, nulls, errors, their paths and their order."""

from __future__ import annotations

import asyncio
import inspect
from random import Random
from typing import Annotated, Any, Final

import pytest
import strawberry
from graphql import ExecutionResult, OperationDefinitionNode, execute, parse
from graphql.execution.values import get_variable_values

from graph.execution.awaiting import is_awaitable
from graph.execution.breadth_first import Execution
from graph.execution.field_readers import attach_readers
from graph.execution.plans import MAX_PLANS_PER_OPERATION, CompiledOperation
from tests.seeds import each_seed


async def execute_breadth_first(
    schema: Any, document: Any, root_value: object, variables: dict[str, Any]
) -> ExecutionResult:
    [definition] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    values = get_variable_values(schema, definition.variable_definitions or (), variables)
    assert not isinstance(values, list)
    context: Any = None
    plan = CompiledOperation(document, definition).plan(schema, values)
    return await Execution(plan, context, root_value, values, hide_suggestions=True).run()


async def execute_by_library(
    schema: Any, document: Any, root_value: object, variables: dict[str, Any]
) -> ExecutionResult:
    result: Any = execute(
        schema, document, root_value, variable_values=variables, is_awaitable=is_awaitable, hide_suggestions=True
    )
    answer: ExecutionResult = await result if inspect.isawaitable(result) else result
    return answer


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


class Red(FieldSource):
    """Source of the fields of `RedThing`."""


class Blue(FieldSource):
    """Source of the fields of `BlueThing`."""


@strawberry.interface
class Named:
    name: str = _source_field("name", str)


@strawberry.type
class RedThing(Named):
    size: int = _source_field("size", int)

    @classmethod
    def is_type_of(cls, value: object, info: object) -> bool:
        return isinstance(value, Red)


@strawberry.type
class BlueThing(Named):
    shade: int | None = _source_field("shade", int | None)

    @classmethod
    def is_type_of(cls, value: object, info: object) -> bool:
        return isinstance(value, Blue)


Thing = Annotated[RedThing | BlueThing, strawberry.union("Thing")]


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

    numbers: list[int | None] = _source_field("numbers", list[int | None])
    thing: Thing | None = _source_field("thing", Thing | None)
    things: list[Thing] | None = _source_field("things", list[Thing] | None)
    named: list[Named] | None = _source_field("named", list[Named] | None)

    @strawberry.field
    @staticmethod
    def sized(root: strawberry.Parent[Any], size: int = 1) -> int:
        return size


@strawberry.type
class Query:
    first: Whole | None = _source_field("first", Whole | None)
    second: Whole | None = _source_field("second", Whole | None)


VALUES: Final = (1, None, "no number", raise_error, ValueError("given"))
DELAYED_VALUES: Final = (delayed(2), delayed(None), delayed(raise_error), delayed("no number"))
THING = "__typename ... on Named { name } ... on RedThing { size } ... on BlueThing { shade }"
SELECTION: Final = f"""{{ number needed part {{ number ...needs }} needed: needed neededPart {{ needed }}
  parts {{ number @include(if: $with) needed }} holes {{ needed number @skip(if: $with) }} sized(size: $size) other: sized
  numbers thing {{ {THING} }} things {{ {THING} }} bare: named {{ ... on RedThing {{ size }} }} named {{ __typename name ... on RedThing {{ size }} }} }}"""
DOCUMENT: Final = f"""query($with: Boolean!, $size: Int = 3) {{ first {SELECTION} second {SELECTION} }}
  fragment needs on Part {{ needed }}"""


class RandomSources:
    """Sources with random values, errors, nulls and wrong values; some of them delayed, if there may be delays."""

    def __init__(self, seed: int, *, with_delays: bool) -> None:
        self.random, self.with_delays = Random(seed), with_delays
        self.values: tuple[Any, ...] = (*VALUES, *DELAYED_VALUES) if with_delays else VALUES

    def root(self) -> FieldSource:
        return FieldSource(first=self.variant(self.whole()), second=self.whole())

    def whole(self) -> FieldSource:
        random = self.random
        parts = [self.part() for _ in range(random.randrange(4))]
        holes = [random.choice((self.part(), None)) for _ in range(random.randrange(4))]
        numbers: list[Any] = [random.choice((1, 2, None, "no number", ValueError("given"))) for _ in range(3)]
        if self.with_delays:
            numbers[0] = DelayedValue(numbers[0])
        return FieldSource(
            number=random.choice(self.values),
            needed=random.choice((1, 2, 3, *self.values)),
            part=self.variant(self.part()),
            needed_part=self.variant(self.part()),
            parts=self.variant(parts),
            holes=self.variant(holes),
            numbers=self.variant(numbers),
            thing=self.variant(random.choice((self.thing(), "no thing"))),
            things=self.variant([self.thing() for _ in range(random.randrange(5))]),
            named=self.variant([random.choice((self.thing(), self.thing(), None)) for _ in range(3)]),
        )

    def part(self) -> FieldSource:
        random = self.random
        return FieldSource(number=random.choice(self.values), needed=random.choice((1, 2, 3, *self.values)))

    def thing(self) -> FieldSource:
        random = self.random
        name = random.choice(("Ann", "Bob", "Cy", "Eve", None))
        if random.random() < 0.5:
            return Red(name=name, size=random.choice((1, 2, 3, *self.values)))
        return Blue(name=name, shade=random.choice(self.values))

    def variant(self, value: Any) -> Any:
        """Return a source of the value, immediate or delayed, or sometimes null or an error."""
        delay = delayed if self.with_delays else lambda source: lambda: source
        return self.random.choice(
            (lambda: value, lambda: value, delay(value), None, raise_error, delay(value) if value else raise_error)
        )


SCHEMA: Final = strawberry.Schema(query=Query, types=[RedThing, BlueThing])._schema
attach_readers(SCHEMA)


@each_seed(60, 400)
async def test_result_equals_that_of_the_library(seed: int) -> None:
    """Random values, errors, nulls and wrong values: the same data, and the same errors in the same order."""
    outcomes = []
    for executor in (execute_by_library, execute_breadth_first):
        root = RandomSources(seed, with_delays=False).root()
        answer = await executor(SCHEMA, parse(DOCUMENT), root, {"with": seed % 2 == 0})
        outcomes.append((answer.data, [(error.path, error.message, error.locations) for error in answer.errors or ()]))
    assert outcomes[0] == outcomes[1]


@each_seed(60, 400)
async def test_result_with_delays_equals_that_of_the_library(seed: int) -> None:
    """The same data; and each null that an error has made has an error.

    Of several errors below one null the library reports those that come up first in time.
    """
    outcomes = []
    for executor in (execute_by_library, execute_breadth_first):
        root = RandomSources(seed, with_delays=True).root()
        answer = await executor(SCHEMA, parse(DOCUMENT), root, {"with": seed % 2 == 0})
        outcomes.append((answer.data, {_first_null(answer.data, error.path or []) for error in answer.errors or ()}))
    assert outcomes[0] == outcomes[1]


def _first_null(data: Any, path: list[str | int]) -> tuple[str | int, ...]:
    """Return the part of the path that leads to the null around it."""
    for length, key in enumerate(path):
        if data is None:
            return tuple(path[:length])
        data = data[key]
    assert data is None
    return tuple(path)


async def test_each_field_is_asked_once_for_all_rows_of_a_level() -> None:
    calls: list[int] = []

    async def load_all(sources: list[object]) -> list[object]:
        calls.append(len(sources))
        return [1 for _ in sources]

    schema = strawberry.Schema(query=Query, types=[RedThing, BlueThing])._schema
    part: Any = schema.type_map["Part"]
    attach_readers(schema)
    part.fields["needed"].extensions["scoreline-reader"] = lambda sources, execution, field: load_all(sources)
    parts = [FieldSource(), FieldSource(), FieldSource()]
    wholes = FieldSource(first=FieldSource(parts=parts), second=FieldSource(parts=parts[:2]))
    document = parse("{ first { parts { needed } } second { parts { needed } } }")

    result = await execute_breadth_first(schema, document, wholes, {})

    assert result.errors is None
    assert result.data == {"first": {"parts": [{"needed": 1}] * 3}, "second": {"parts": [{"needed": 1}] * 2}}
    assert calls == [3, 2]


async def test_plans_of_one_operation_are_bounded() -> None:
    """A client chooses the variables of `@include`, so it must not choose how much the server keeps."""
    names = [f"v{index}" for index in range(8)]
    fields = " ".join(f"f{name}: sized @include(if: ${name})" for name in names)
    document = parse(f"query({', '.join(f'${name}: Boolean!' for name in names)}) {{ first {{ needed {fields} }} }}")
    [definition] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    compiled = CompiledOperation(document, definition)
    for number in range(200):
        variables = {name: bool(number >> index & 1) for index, name in enumerate(names)}
        values = get_variable_values(SCHEMA, definition.variable_definitions or (), variables)
        assert not isinstance(values, list)
        plan = compiled.plan(SCHEMA, values)
        assert compiled.plan(SCHEMA, values) is plan
        assert len(compiled._plans) <= MAX_PLANS_PER_OPERATION


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
    running = execute_breadth_first(SCHEMA, parse(f"{{ first {selection} }}"), FieldSource(first=whole), {})
    task = asyncio.ensure_future(running)
    for _ in range(steps):
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task])

    assert begun
    assert [inspect.getcoroutinestate(coroutine) for coroutine in begun] == [inspect.CORO_CLOSED] * len(begun)
