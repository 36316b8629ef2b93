"""Error messages: every error sentence in the source has a translation, and every translation a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from domain.i18n.error_translation import translate
from domain.i18n.languages import TRANSLATIONS
from domain.i18n.russian_errors import RUSSIAN_ERRORS

ROOT = Path(__file__).parents[3]
FOLDERS = ("domain", "models", "resolvers", "subscriptions", "graph", "server")
MESSAGE_CLASSES = {  # classes whose first argument is a sentence for users; their subclasses are found in the source
    "OperationError", "UserError", "GraphQLError", "InvalidAmount", "InvalidPeriod", "InvalidText",
}  # fmt: skip
MESSAGE_FUNCTIONS = {"require_admin"}  # functions of which the same is true
MESSAGE_CONSTANTS = {
    "_INTERNAL_MESSAGE",
    "_DATABASE_DOWN_MESSAGE",
    "_STORAGE_FULL_MESSAGE",
    "_BATCH_QUEUE_FULL_MESSAGE",
    "_UNSTORABLE_MESSAGE",
}  # constants that hold such a sentence
RECORD_TYPES = ["deal", "lead", "client", "contact", "call", "task", "result"]
PLACEHOLDER_VALUES = {  # expressions in f-strings that insert words instead of values, by their source
    "kind.lower()": RECORD_TYPES,
    "allowed_digits": ["at most 2 digits after the point", "no digits after the point"],
    "problem": ["This number is too long."],
    "quantity": ["bytes of the document"],
    "field": ["first", "last"],
}
PLACEHOLDER = r"\{\w+\}"
for_each_translation = pytest.mark.parametrize("code", TRANSLATIONS)


def parse_modules() -> Iterator[ast.Module]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.name.endswith("_errors.py") or path.parent.name != "i18n":
                yield ast.parse(path.read_text())


def find_message_classes(trees: list[ast.Module]) -> set[str]:
    """Return the names of all classes and functions with a sentence for users, subclasses of subclasses included."""
    names = MESSAGE_CLASSES | MESSAGE_FUNCTIONS
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    while subclasses := {name for name, class_bases in bases.items() if class_bases & names} - names:
        names |= subclasses
    return names


def string_constants(tree: ast.Module) -> dict[str, str]:
    """Return the string constants of a module, by name."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def possible_sentences(sentence: ast.expr, constant_values: dict[str, str]) -> list[str]:
    """Return the texts that the expression can give, with a number for each variable part; [] if made elsewhere."""
    match sentence:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) if name in constant_values:
            return [constant_values[name]]
        case ast.IfExp(body=if_true, orelse=if_false):
            return possible_sentences(if_true, constant_values) + possible_sentences(if_false, constant_values)
        case ast.JoinedStr(values=parts):
            return [
                "".join(combination)
                for combination in product(*(possible_parts(part, constant_values) for part in parts))
            ]
    return []


def possible_parts(part: ast.expr, constant_values: dict[str, str]) -> list[str]:
    if isinstance(part, ast.FormattedValue):
        source = ast.unparse(part.value)
        return PLACEHOLDER_VALUES.get(source) or [constant_values.get(source, "7")]
    assert isinstance(part, ast.Constant)
    return [str(part.value)]


def collect_sentences() -> list[str]:
    trees = list(parse_modules())
    class_names, texts = find_message_classes(trees), set[str]()
    shared = {
        name: text for tree in trees for name, text in string_constants(tree).items() if name.strip("_").isupper()
    }
    for tree in trees:
        constant_values = shared | string_constants(tree)
        texts |= {text for name, text in string_constants(tree).items() if name in MESSAGE_CONSTANTS}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in class_names:
                texts |= set(possible_sentences(node.args[0], constant_values))
    return sorted(texts)


def test_every_error_sentence_is_translated_into_russian():
    missing = [f"    {sentence!r}: ..." for sentence in collect_sentences() if translate(sentence, "ru") == sentence]

    assert not missing, "\n".join(
        ["domain/i18n/russian_errors.py: add these, with {name} in place of each 7 that is a variable part", *missing]
    )


@for_each_translation
def test_language_has_every_error_message(code):
    missing = [f"    {english!r}: ..." for english in RUSSIAN_ERRORS if english not in TRANSLATIONS[code].errors]

    module = f"domain/i18n/{TRANSLATIONS[code].name.lower()}_errors.py"
    assert not missing, "\n".join([f"{module}: translate and add", *missing])


@for_each_translation
def test_no_translation_loses_a_variable_part(code):
    losing = [
        english
        for english, translation in TRANSLATIONS[code].errors.items()
        if sorted(re.findall(PLACEHOLDER, english)) != sorted(re.findall(PLACEHOLDER, translation))
    ]

    assert losing == []


def test_russian_error_messages_are_in_russian():
    assert [text for text in TRANSLATIONS["ru"].errors.values() if not re.search("[а-яё]", text)] == []


@for_each_translation
def test_every_translation_belongs_to_a_sentence_in_the_code(code):
    graphql_texts = {"Variable '$", "' has invalid value at ", "' has invalid value: "}  # from the GraphQL library
    constant_nodes = [
        node.value for tree in parse_modules() for node in ast.walk(tree) if isinstance(node, ast.Constant)
    ]
    all_text = "\n".join([*graphql_texts, *(text for text in constant_nodes if isinstance(text, str))])

    unused = [
        english
        for english in TRANSLATIONS[code].errors
        if not all(part in all_text for part in re.split(PLACEHOLDER, english))
    ]
    error_sentences = collect_sentences()
    assert [
        english
        for english in unused
        if not any(re.fullmatch(sentence_pattern(english), sentence) for sentence in error_sentences)
    ] == []


def sentence_pattern(english: str) -> str:
    return ".+".join(map(re.escape, re.split(PLACEHOLDER, english)))


def test_unsupported_language_falls_back_to_english():
    assert translate("Give a number.", "xx") == "Give a number."
