"""Arguments are converted to what the library converts them to, for every field of the schema."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)
from strawberry.types import arguments as library
from strawberry.types.field import StrawberryField

from graph.base.field_declarations import STRAWBERRY_DEFINITION_KEY
from graph.execution.input_values import convert_arguments
from graph.schema import create_schema

SCHEMA: Final = create_schema()
TRIES: Final = 5


def random_value(dice: Random, graphql_type: Any) -> Any:
    """Return a coerced value of an input type."""
    if isinstance(graphql_type, GraphQLNonNull):
        return random_value(dice, graphql_type.of_type)
    if dice.random() < 0.2:
        return None
    return random_given_value(dice, graphql_type)


def random_given_value(dice: Random, graphql_type: Any) -> Any:
    match graphql_type:
        case GraphQLNonNull():
            return random_given_value(dice, graphql_type.of_type)
        case GraphQLList():
            return [random_value(dice, graphql_type.of_type) for _ in range(dice.randrange(3))]
        case GraphQLEnumType():
            return dice.choice([value.value for value in graphql_type.values.values()])
        case GraphQLInputObjectType():
            return {
                name: random_given_value(dice, field.type)
                if isinstance(field.type, GraphQLNonNull)
                else random_value(dice, field.type)
                for name, field in graphql_type.fields.items()
                if is_required_input_field(field) or dice.random() < 0.6
            }
    return dice.choice(["text", 5])


def test_arguments_are_converted_as_by_the_library() -> None:
    dice, converter = Random(3), SCHEMA.schema_converter
    converted_inputs = 0
    for graphql_type in SCHEMA._schema.type_map.values():
        for field in getattr(graphql_type, "fields", {}).values():
            definition = field.extensions.get(STRAWBERRY_DEFINITION_KEY)
            if not isinstance(definition, StrawberryField) or not definition.arguments:
                continue
            for _ in range(TRIES):
                given = {name: random_given_value(dice, argument.type) for name, argument in field.args.items()}
                expected = library.convert_arguments(
                    given, definition.arguments, converter.scalar_registry, converter.config
                )
                assert convert_arguments(SCHEMA, definition.arguments, given) == expected
                converted_inputs += any(isinstance(value, dict) for value in given.values())
    assert converted_inputs > 100


def test_argument_that_is_left_out_is_not_passed() -> None:
    definition = SCHEMA._schema.query_type.fields["leaderboard"].extensions[STRAWBERRY_DEFINITION_KEY]

    assert convert_arguments(SCHEMA, definition.arguments, {}) == {}
    assert convert_arguments(SCHEMA, definition.arguments, {"period": None}) == {"period": None}
