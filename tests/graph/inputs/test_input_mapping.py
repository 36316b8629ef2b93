"""Input objects of the schema become the dataclasses that resolvers take, without a look-up by name."""

from __future__ import annotations

import ast
import dataclasses
import importlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import pytest
import strawberry
from strawberry.types.base import get_object_definition

from domain.primitives.periods import PeriodKind
from domain.primitives.unset import UNSET
from graph.base.enums import DealStatus
from graph.base.input_mapping import MoneyInput, PeriodInput, match_fields, to_input, to_json_fields, to_optional_input
from graph.mutations.deals import RecordDealInput, UpdateDealInput
from graph.types.deals import DealFilter
from resolvers.crm.inputs import DealCriteria, DealInput
from resolvers.request.idempotency import identify_request
from resolvers.request.inputs import Money
from resolvers.request.periods import PeriodKey
from tests.source_tree import SourceFile, read_source_files

MAPPING_FUNCTIONS = {"to_input", "to_optional_input"}
# Their fields are arguments of resolvers, one by one.
READ_BY_ATTRIBUTE = {
    "WhatIfInput", "ConvertLeadInput", "MoveDealInput", "WinDealInput", "LoseDealInput", "FlagDealInput",
    "CreateDeviceInput", "CreateMetricInput", "ExchangeRateInput", "InviteEmployeeInput", "SetPasswordInput",
    "SignInInput", "EndSessionsInput", "MergeInput",
}  # fmt: skip


def find_mappings() -> set[tuple[type, type]]:
    """Return the pairs of an input class and the dataclass that the code of `graph` maps it to."""
    return {pair for file in read_source_files("graph") for pair in _find_mappings_in(file)}


def _find_mappings_in(file: SourceFile) -> Iterator[tuple[type, type]]:
    names = vars(importlib.import_module(file.name.removesuffix(".py").replace("/", ".")))
    for function in file.nodes:
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or function.name in MAPPING_FUNCTIONS:
            continue
        scope = {
            argument.arg: eval(ast.unparse(argument.annotation), names)
            for argument in [*function.args.args, *function.args.kwonlyargs]
            if argument.annotation
        }
        for node in ast.walk(function):
            if isinstance(node, ast.comprehension) and isinstance(node.iter, ast.Name) and node.iter.id in scope:
                scope[ast.unparse(node.target)] = scope[node.iter.id]
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in MAPPING_FUNCTIONS:
                target, source = call.args
                if function.name != "_convert":  # which maps the inner objects
                    for input_class in _find_input_classes(_type_of(source, scope)):
                        yield input_class, names[ast.unparse(target)]


def _type_of(expression: ast.expr, scope: dict[str, Any]) -> Any:
    if isinstance(expression, ast.Attribute):
        [owner] = _find_input_classes(_type_of(expression.value, scope))
        return get_type_hints(owner)[expression.attr]
    return scope[ast.unparse(expression)]


def _find_input_classes(hint: Any) -> Iterator[type]:
    definition = get_object_definition(hint) if isinstance(hint, type) else None
    if definition is not None and definition.is_input:
        yield hint
    for argument in get_args(hint):
        yield from _find_input_classes(argument)


def find_inner_inputs(input_class: type) -> set[type]:
    hints = get_type_hints(input_class).values()
    inner_classes = {inner for hint in hints for inner in _find_input_classes(hint)}
    return inner_classes.union(*(find_inner_inputs(inner) for inner in inner_classes))


def plain_types(hint: Any) -> set[Any]:
    """Return the types in an annotation; an id is a text, and a list a sequence."""
    arguments = get_args(hint)
    if arguments:
        return set().union(*(plain_types(argument) for argument in arguments)) - {type(None), type(UNSET), Ellipsis}
    return {str if hint is strawberry.ID else getattr(hint, "__supertype__", hint)}


def test_every_input_class_fits_the_dataclass_that_it_is_mapped_to() -> None:
    mappings = find_mappings()

    for source, target in mappings:
        source_types, target_types = get_type_hints(source), get_type_hints(target)
        for name, inner in match_fields(source, target).items():
            allowed = plain_types(target_types[name])
            input_types = {inner if _is_input(type_) else type_ for type_ in plain_types(source_types[name])}
            assert input_types <= allowed, (source.__name__, target.__name__, name)
    sources = {source for source, _ in mappings}
    inner_sources = set[type]().union(*(find_inner_inputs(source) for source in sources))
    assert {cls.__name__ for cls in sources | inner_sources} | READ_BY_ATTRIBUTE == list_input_names()


def _is_input(type_: Any) -> bool:
    return any(_find_input_classes(type_))


def list_input_names() -> set[str]:
    """Return the names of all input classes of the schema."""
    return {
        definition.name
        for file in read_source_files("graph")
        for definition in file.classes()
        for decorator in definition.decorator_list
        if ast.unparse(decorator).startswith("strawberry.input")
    }


def test_field_that_the_dataclass_lacks_is_an_error() -> None:
    @dataclasses.dataclass
    class AmountAlone:
        amount: Decimal

    with pytest.raises(TypeError, match=r"AmountAlone lacks fields of MoneyInput: \['currency'\]"):
        to_input(AmountAlone, MoneyInput(amount=Decimal(1)))


def test_field_left_out_has_the_default_and_null_stays_null() -> None:
    input = UpdateDealInput(id="d", client=None, amount=MoneyInput(amount=Decimal(5)))

    deal_input = to_input(DealInput, input)

    assert deal_input == DealInput(id="d", client=None, amount=Money(Decimal(5)))
    assert (deal_input.title, deal_input.owner) == (UNSET, None)


def test_idempotency_key_is_not_part_of_the_resolvers_input() -> None:
    assert to_input(DealInput, RecordDealInput(title="A", idempotency_key="k")) == DealInput(title="A")


def test_lists_and_inner_inputs_are_mapped() -> None:
    filter = DealFilter(status=[DealStatus.WON], period=PeriodInput(kind=PeriodKind.DAY, on=date(2026, 3, 1)))

    criteria = to_optional_input(DealCriteria, filter)

    assert criteria == DealCriteria(
        status=(DealStatus.WON,), period=PeriodKey(kind=PeriodKind.DAY, on=date(2026, 3, 1))
    )


@pytest.mark.parametrize("omitted", [None, strawberry.UNSET])
def test_optional_input_is_none_for_null_and_when_left_out(omitted: Any) -> None:
    assert to_optional_input(DealCriteria, omitted) is None


def test_fields_for_the_digest_have_graphql_names_and_leave_out_what_is_omitted() -> None:
    input = RecordDealInput(title="A", amount=MoneyInput(amount=Decimal(5)), lost_reason=None)

    assert to_json_fields([input]) == [{"title": "A", "amount": {"amount": Decimal(5)}, "lostReason": None}]


def test_mapping_keeps_the_digest_of_earlier_versions() -> None:
    input = RecordDealInput(title="A", amount=MoneyInput(amount=Decimal("5.00")), idempotency_key="k")

    request = identify_request("recordDeal", {"input": to_json_fields(input)}, "k", "input")

    assert request is not None
    assert request.digest == "1f6fda6bbae247d52389dfe8bae531ca7f36fcdaed4591088694084fd492a887"
