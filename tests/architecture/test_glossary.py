"""The glossary explains the concepts of the code: it names every class that carries one, and no class that is gone."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.source_tree import ROOT, SourceFile, read_product_files

TABLE_ROW = re.compile(
    r"^\| (?P<term>[^|]+) \| (?P<russian>[^|]+) \| (?P<classes>[^|]+) \| (?P<meaning>[^|]+) \|$", re.M
)
NO_VALUE = "—"  # of a term without a class, or without a Russian word of its own

# Public classes that are not concepts, with the reason.
EXEMPT_CLASSES = {
    "NullHandler": "the FrameHandler that does nothing",
    "LimitedHttpProtocol": "uvicorn's HTTP protocol with a size limit",
    "PlainAttributes": "a base of rows without Tortoise's checks of attributes",
}


@cache
def read_entries() -> list[re.Match[str]]:
    """Return the rows of the glossary's tables, without their heads."""
    rows = TABLE_ROW.finditer((ROOT / "docs" / "words.md").read_text())
    return [row for row in rows if row["term"] != "Term" and not row["term"].startswith("---")]


def find_glossary_classes() -> set[str]:
    return {name for entry in read_entries() for name in re.findall(r"`(\w+)`", entry["classes"])}


def find_concepts() -> Iterator[tuple[str, str]]:
    """Yield (class, file) for each class that the glossary must name."""
    for file in read_product_files():
        for definition in file.classes():
            if not definition.name.startswith("_") and _is_concept(file, definition):
                yield definition.name, file.name


def _is_concept(file: SourceFile, definition: ast.ClassDef) -> bool:
    match file.folder:
        case "domain" | "models":
            return True
        case "graph":  # its types; not inputs, payloads and the parts of the type Mutation, which the schema describes
            decorators = {ast.unparse(decorator).partition("(")[0] for decorator in definition.decorator_list}
            is_described_in_schema = file.name.startswith("graph/mutations/") or "strawberry.input" in decorators
            return not is_described_in_schema and not is_exception(definition.name)
        case "resolvers" if file.name.endswith("/inputs.py"):  # as those of graph, which the schema describes
            return False
        case "resolvers" | "subscriptions" | "imports" | "server":
            bases = {ast.unparse(base) for base in definition.bases}
            return "Protocol" not in bases and not is_exception(definition.name)
        case _:  # the demo and the benchmarks use the concepts of the product
            return False


@cache
def is_exception(name: str) -> bool:
    """Return whether a class of this name is an exception, by its base classes."""
    built_in = getattr(builtins, name, None)
    if isinstance(built_in, type):
        return issubclass(built_in, BaseException)
    return name == "GraphQLError" or any(is_exception(base) for base in _base_classes().get(name, ()))


@cache
def _base_classes() -> dict[str, list[str]]:
    return {
        definition.name: [base.id for base in definition.bases if isinstance(base, ast.Name)]
        for file in read_product_files()
        for definition in file.classes()
    }


def test_glossary_names_every_class_that_carries_a_concept() -> None:
    explained = find_glossary_classes() | EXEMPT_CLASSES.keys()

    assert sorted({(file, name) for name, file in find_concepts() if name not in explained}) == []


def test_glossary_names_only_classes_that_exist() -> None:
    assert sorted(find_glossary_classes() - _base_classes().keys()) == []


def test_every_exemption_is_needed() -> None:
    concepts = {name for name, _ in find_concepts()}

    assert sorted(EXEMPT_CLASSES.keys() - concepts) == []
    assert sorted(EXEMPT_CLASSES.keys() & find_glossary_classes()) == []


def test_every_table_row_of_glossary_is_an_entry() -> None:
    lines = (ROOT / "docs" / "words.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(("| Term |", "| --- |"))]

    assert [row for row in rows if not TABLE_ROW.fullmatch(row)] == []
    assert len(rows) == len(read_entries())


def test_each_term_and_class_has_one_entry() -> None:
    terms = [term for entry in read_entries() for term in entry["term"].split(", ")]
    classes = [name for entry in read_entries() for name in re.findall(r"`(\w+)`", entry["classes"])]

    assert sorted({term for term in terms if terms.count(term) > 1}) == []
    assert sorted({name for name in classes if classes.count(name) > 1}) == []


@pytest.mark.parametrize("entry", read_entries(), ids=lambda entry: entry["term"])
def test_entry_of_glossary_is_complete(entry: re.Match[str]) -> None:
    assert entry["russian"] == NO_VALUE or re.search("[а-яё]", entry["russian"])
    assert entry["classes"] == NO_VALUE or re.fullmatch(r"`\w+`(, `\w+`)*", entry["classes"])
    assert entry["meaning"].endswith(".")


def test_concepts_are_found_by_layer_and_kind_of_class() -> None:
    concepts = {name for name, _ in find_concepts()}

    assert {
        "Deal",
        "UserError",
        "Standing",
        "RequestContext",
        "RecordType",
        "Hub",
        "Scheduler",
        "ImportMap",
    } <= concepts
    assert concepts.isdisjoint({"RecordDealInput", "DealPayload", "DealMutation"})  # the schema describes them
    assert concepts.isdisjoint({"CellError", "CloseConnection", "CircularFragment"})  # exceptions outside the domain
    assert concepts.isdisjoint({"SessionHandler", "Meta", "DemoTeam"})
