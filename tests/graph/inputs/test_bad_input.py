"""Every invalid value in every input field of every mutation is rejected with its path and changes nothing.

The fields come from the schema, the invalid values of each from `values`, valid arguments from `calls`: a new mutation
needs valid arguments there, a new field a value in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from tests.graph.inputs import invalid_values, valid_inputs
from tests.graph.inputs.invalid_values import TOP, Bad
from tests.graph.inputs.request_client import SCHEMA, Edge, held

MUTATIONS: Final = SCHEMA._schema.mutation_type.fields
CYRILLIC: Final = re.compile("[а-яё]", re.IGNORECASE)
Place = tuple[str, ...]


# Input fields of the schema


def places(mutation: str) -> Iterator[tuple[Place, Any]]:
    """Yield the path and type of each field of the mutation's arguments, including nested input objects."""
    for name, argument in MUTATIONS[mutation].args.items():
        yield from _within((name,), argument)


def _within(place: Place, field: GraphQLArgument | GraphQLInputField) -> Iterator[tuple[Place, Any]]:
    of = get_named_type(field.type)
    if not isinstance(of, GraphQLInputObjectType) or of.name == "PeriodInput":
        yield place, field.type
        return
    for name, inner in of.fields.items():
        yield from _within(
            (*place, "0", name) if is_list_type(get_nullable_type(field.type)) else (*place, name), inner
        )


def at(arguments: Any, place: Place) -> tuple[Any, Any]:
    """Return the container of the value at a path and its key in it."""
    holder = arguments
    for step in place[:-1]:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    return holder, place[-1]


def called(mutation: str, place: Place) -> str:
    """Return the path in the form that `values` uses, such as "recordDeal amount currency"."""
    return " ".join([mutation, *(place[1:] if place[0] == "input" else place)])


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_right_call_fills_in_every_field(mutation: str) -> None:
    arguments = valid_inputs.right(_Anything())[mutation]

    for place, type_ in places(mutation):
        holder, name = at(arguments, place)
        assert name in holder, f"{called(mutation, place)}: {type_}"
        assert list(invalid_values.values(called(mutation, place), type_))


class _Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "1"


# Invalid values


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_what_a_field_cannot_take_is_refused_by_its_place_and_changes_nothing(
    sqlite: Edge, mutation: str
) -> None:
    wrong = await differences(sqlite, mutation, lambda bad: True)
    assert not wrong, "\n".join(wrong)

    answer = await sqlite.act(mutation, valid_inputs.right(sqlite.ids)[mutation])
    assert answer == {"data": {mutation: {"userErrors": []}}}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_null_where_the_schema_allows_it_is_taken_or_is_the_users_to_mend(sqlite: Edge, mutation: str) -> None:
    for place, type_ in places(mutation):
        if type_ is get_nullable_type(type_):
            arguments = valid_inputs.right(sqlite.ids)[mutation]
            holder, name = at(arguments, place)
            holder[name] = None
            answer = await sqlite.act(mutation, arguments)
            assert "errors" not in answer, f"{called(mutation, place)}: {answer['errors'][0]}"


async def test_postgresql_refuses_the_same_and_in_russian_too(postgres: Edge) -> None:
    """Only values that pass GraphQL's validation, whose errors are in English, and texts the database cannot store."""
    wrong = []
    for mutation in MUTATIONS:
        wrong += await differences(
            postgres, mutation, lambda bad: bad.code != TOP or bad in invalid_values.UNSTORABLE, "ru", each=False
        )

    assert not wrong, "\n".join(wrong)


async def differences(
    edge: Edge, mutation: str, telling: Callable[[Bad], bool], language: str = "en", *, each: bool = True
) -> list[str]:
    """Try the invalid values of all fields and return, in words, unexpected answers and changes of the database.

    is_tested                 selects the values to be tried
    compare_after_each_field  compare the database after each field, not only at the end
    """
    wrong, before = [], await held()
    for place, type_ in places(mutation):
        for bad in filter(telling, invalid_values.values(called(mutation, place), type_)):
            arguments = valid_inputs.right(edge.ids)[mutation]
            holder, name = at(arguments, place)
            holder[name] = bad.value
            code, where, said = judged(mutation, await edge.act(mutation, arguments, language))
            if bool(CYRILLIC.search(said)) is not (language == "ru"):
                wrong.append(f"{called(mutation, place)} = {bad.value!r:.60} is told: {said}")
            shown = ".".join((*place, *bad.below)) if bad.elsewhere is None else bad.elsewhere
            if code != bad.code or not (where.startswith(shown) if code == TOP else where == shown):
                wrong.append(f"{called(mutation, place)} = {bad.value!r:.60}: {code} at {where}, not {bad.code}")
        if each and (after := await held()) != before:
            changed = [table for table in before if before[table] != after[table]]
            wrong.append(f"{called(mutation, place)} changed {changed}")
            before = after
    return wrong if await held() == before else [*wrong, f"{mutation} changed something"]


def judged(mutation: str, answer: dict[str, Any]) -> tuple[str, str, str]:
    """Return code, path and message of the one error of an answer; other numbers of errors are returned in words."""
    if "errors" in answer:
        assert not (answer.get("data") or {}).get(mutation)
        error = answer["errors"][0]
        assert len(error["message"]) < 500
        place = re.sub(r"\[(\d+)\]", r".\1", error["extensions"].get("field", ""))
        return error["extensions"]["code"], place, error["message"]
    errors = answer["data"][mutation]["userErrors"]
    if len(errors) != 1:
        return f"{len(errors)} errors", "", ""
    return errors[0]["code"], ".".join(errors[0]["path"]), errors[0]["message"]
