"""Every invalid value in every input field of every mutation is rejected with its path and changes nothing.

The fields come from the schema, the invalid values of each from `values`, valid arguments from `calls`: a new mutation
needs valid arguments there, a new field a value in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
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
from tests.graph.inputs.invalid_values import BAD_INPUT, InvalidValue
from tests.graph.inputs.request_client import SCHEMA, RequestClient, read_all_rows

MUTATIONS: Final = SCHEMA._schema.mutation_type.fields
DIVISOR: Final = 3
CYRILLIC: Final = re.compile("[а-яё]", re.IGNORECASE)
InputPath = tuple[str, ...]


# Input fields of the schema


def find_input_paths(mutation: str) -> Iterator[tuple[InputPath, Any]]:
    """Yield the path and type of each field of the mutation's arguments, including nested input objects."""
    for name, argument in MUTATIONS[mutation].args.items():
        yield from _expand_input((name,), argument)


def _expand_input(path: InputPath, field: GraphQLArgument | GraphQLInputField) -> Iterator[tuple[InputPath, Any]]:
    named_type = get_named_type(field.type)
    if not isinstance(named_type, GraphQLInputObjectType) or named_type.name == "PeriodInput":
        yield path, field.type
        return
    for name, inner in named_type.fields.items():
        yield from _expand_input(
            (*path, "0", name) if is_list_type(get_nullable_type(field.type)) else (*path, name), inner
        )


def locate(arguments: Any, path: InputPath) -> tuple[Any, Any]:
    """Return the container of the value at a path and its key in it."""
    container = arguments
    for key in path[:-1]:
        container = container[int(key)] if isinstance(container, list) else container[key]
    return container, path[-1]


def format_path(mutation: str, path: InputPath) -> str:
    """Return the path in the form that `values` uses, such as "recordDeal amount currency"."""
    return " ".join([mutation, *(path[1:] if path[0] == "input" else path)])


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_valid_call_sets_every_input_field(mutation: str) -> None:
    arguments = valid_inputs.build_valid_arguments(_AnyId())[mutation]

    for path, type_ in find_input_paths(mutation):
        container, name = locate(arguments, path)
        field = format_path(mutation, path)
        assert name in container, f"tests/graph/inputs/valid_inputs.py: add a value for {field}, {type_}"
        assert list(invalid_values.invalid_values_for(field, type_))


class _AnyId(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "1"


# Invalid values


def number_fields_of_each_kind() -> dict[str, tuple[int, int]]:
    """Return by field its number among the fields with equal invalid values, and how many of these there are."""
    fields_by_kind: dict[str, list[str]] = {}
    for mutation in MUTATIONS:
        for path, type_ in find_input_paths(mutation):
            field = format_path(mutation, path)
            fields_by_kind.setdefault(invalid_values.find_kind_or_path(field, type_), []).append(field)
    return {field: (number, len(fields)) for fields in fields_by_kind.values() for number, field in enumerate(fields)}


FIELD_NUMBERS: Final = number_fields_of_each_kind()


def select_values(field: str, type_: Any, divisor: int) -> list[InvalidValue]:
    """Return one in `divisor` of the invalid values of a field, by turns: the fields of a kind have all of them together.

    Where a kind has too few fields for that, each has all values.
    """
    values = list(invalid_values.invalid_values_for(field, type_))
    number, count = FIELD_NUMBERS[field]
    return values if count < divisor else values[number % divisor :: divisor]


def test_each_invalid_value_of_a_kind_is_selected_for_one_of_its_fields() -> None:
    selected: dict[str, set[str]] = {}
    expected: dict[str, set[str]] = {}
    for mutation in MUTATIONS:
        for path, type_ in find_input_paths(mutation):
            field = format_path(mutation, path)
            kind = invalid_values.find_kind_or_path(field, type_)
            selected.setdefault(kind, set()).update(map(repr, select_values(field, type_, DIVISOR)))
            expected.setdefault(kind, set()).update(map(repr, invalid_values.invalid_values_for(field, type_)))

    assert selected == expected


@pytest.mark.parametrize("divisor", [DIVISOR, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_invalid_values_are_rejected_with_path_and_change_nothing(
    sqlite_client: RequestClient, mutation: str, divisor: int
) -> None:
    """All values of each field are a `long` test; by default, fields of a kind share them: see `select_values`."""
    mismatches = await find_differences(sqlite_client, mutation, find_input_paths(mutation), divisor=divisor)
    assert not mismatches, "\n".join(mismatches)

    answer = await sqlite_client.execute_mutation(
        mutation, valid_inputs.build_valid_arguments(sqlite_client.ids)[mutation]
    )
    assert answer == {"data": {mutation: {"userErrors": []}}}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_null_in_nullable_field_is_accepted_or_gives_user_error(
    sqlite_client: RequestClient, mutation: str
) -> None:
    for path, type_ in find_input_paths(mutation):
        if type_ is get_nullable_type(type_):
            arguments = valid_inputs.build_valid_arguments(sqlite_client.ids)[mutation]
            container, name = locate(arguments, path)
            container[name] = None
            answer = await sqlite_client.execute_mutation(mutation, arguments)
            assert "errors" not in answer, f"{format_path(mutation, path)}: {answer['errors'][0]}"


async def test_invalid_values_of_each_kind_are_rejected_on_postgresql(postgres_client: RequestClient) -> None:
    """Each kind of field in one mutation, with the values that pass GraphQL's validation."""
    mismatches, tested_kinds = [], set()
    for mutation in MUTATIONS:
        paths = []
        for path, type_ in find_input_paths(mutation):
            kind = invalid_values.find_kind_or_path(format_path(mutation, path), type_)
            if kind not in tested_kinds:
                tested_kinds.add(kind)
                paths.append((path, type_))
        mismatches += await find_differences(
            postgres_client, mutation, paths, passes_validation, compare_after_each_field=False
        )

    assert not mismatches, "\n".join(mismatches)


def passes_validation(invalid: InvalidValue) -> bool:
    """Return whether the product rejects the value, in the language of the client, and not GraphQL, in English."""
    return invalid.code != BAD_INPUT or invalid in invalid_values.UNSTORABLE_TEXTS


async def find_differences(
    client: RequestClient,
    mutation: str,
    paths: Iterable[tuple[InputPath, Any]],
    is_tested: Callable[[InvalidValue], bool] = lambda invalid: True,
    *,
    compare_after_each_field: bool = True,
    divisor: int = 1,
) -> list[str]:
    """Try the invalid values of fields and return, in words, unexpected answers and changes of the database.

    What the product itself rejects is sent by a client whose language is Russian.

    paths                     of the fields, with their types
    is_tested                 selects the values to be tried
    compare_after_each_field  compare the database after each field, not only at the end
    divisor                   of the values of each field, one in so many is tried
    """
    mismatches, rows_before = [], await read_all_rows()
    for path, type_ in paths:
        for invalid in filter(is_tested, select_values(format_path(mutation, path), type_, divisor)):
            arguments = valid_inputs.build_valid_arguments(client.ids)[mutation]
            container, name = locate(arguments, path)
            container[name] = invalid.value
            language = "ru" if passes_validation(invalid) else "en"
            code, error_path, message = read_error(
                mutation, await client.execute_mutation(mutation, arguments, language)
            )
            if bool(CYRILLIC.search(message)) is not (language == "ru"):
                mismatches.append(f"{format_path(mutation, path)} = {invalid.value!r:.60} is told: {message}")
            expected_path = ".".join((*path, *invalid.path_below)) if invalid.other_path is None else invalid.other_path
            if code != invalid.code or not (
                error_path.startswith(expected_path) if code == BAD_INPUT else error_path == expected_path
            ):
                mismatches.append(
                    f"{format_path(mutation, path)} = {invalid.value!r:.60}: {code} at {error_path}, not {invalid.code}"
                )
        if compare_after_each_field and (rows_after := await read_all_rows()) != rows_before:
            changed = [table for table in rows_before if rows_before[table] != rows_after[table]]
            mismatches.append(f"{format_path(mutation, path)} changed {changed}")
            rows_before = rows_after
    return mismatches if await read_all_rows() == rows_before else [*mismatches, f"{mutation} changed something"]


def read_error(mutation: str, answer: dict[str, Any]) -> tuple[str, str, str]:
    """Return code, path and message of the one error of an answer; other numbers of errors are returned in words."""
    if "errors" in answer:
        assert not (answer.get("data") or {}).get(mutation)
        error = answer["errors"][0]
        assert len(error["message"]) < 500
        path = re.sub(r"\[(\d+)\]", r".\1", error["extensions"].get("field", ""))
        return error["extensions"]["code"], path, error["message"]
    errors = answer["data"][mutation]["userErrors"]
    if len(errors) != 1:
        return f"{len(errors)} errors", "", ""
    return errors[0]["code"], ".".join(errors[0]["path"]), errors[0]["message"]
