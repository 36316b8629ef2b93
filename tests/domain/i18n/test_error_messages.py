"""Russian error messages: every error sentence in the source has a translation, and every translation a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from domain.i18n.error_messages import _RUSSIAN, translated

ROOT = Path(__file__).parents[3]
FOLDERS = ("domain", "models", "resolvers", "subscriptions", "graph", "server")
SAYING = {  # classes whose first argument is a sentence for users; their subclasses are found in the source
    "Failure", "Refusal", "GraphQLError", "InvalidAmount", "InvalidPeriod", "UnfitText",
}  # fmt: skip
SAID = {"_HIDDEN", "_AWAY", "_FULL"}  # constants that hold such a sentence
RECORDS = ["deal", "lead", "client", "contact", "call", "task", "result"]
VARYING = {  # expressions in f-strings that insert words instead of values, by their source
    "kind.lower()": RECORDS,
    "has": ["at most 2 digits after the point", "no digits after the point"],
    "wrong": ["This number is too long."],
    "what": ["bytes of the document"],
    "field": ["first", "last"],
}
PLACE = r"\{\w+\}"
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def modules() -> Iterator[ast.Module]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name != "phrases.py":
                yield ast.parse(path.read_text())


def classes(trees: list[ast.Module]) -> set[str]:
    """Return the names of all classes with a sentence for users, subclasses of subclasses included."""
    found = set(SAYING)
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the string constants of a module, by name."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def wordings(sentence: ast.expr, known: dict[str, str]) -> list[str]:
    """Return the texts that the expression can give, with a number for each variable part; [] if made elsewhere."""
    match sentence:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) if name in known:
            return [known[name]]
        case ast.IfExp(body=one, orelse=other):
            return wordings(one, known) + wordings(other, known)
        case ast.JoinedStr(values=parts):
            return ["".join(each) for each in product(*(readings(part, known) for part in parts))]
    return []


def readings(part: ast.expr, known: dict[str, str]) -> list[str]:
    if isinstance(part, ast.FormattedValue):
        place = ast.unparse(part.value)
        return VARYING.get(place) or [known.get(place, "7")]
    assert isinstance(part, ast.Constant)
    return [str(part.value)]


def sentences() -> list[str]:
    trees = list(modules())
    saying, found = classes(trees), set[str]()
    shared = {name: text for tree in trees for name, text in constants(tree).items() if name.strip("_").isupper()}
    for tree in trees:
        known = shared | constants(tree)
        found |= {text for name, text in constants(tree).items() if name in SAID}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in saying:
                found |= set(wordings(node.args[0], known))
    return sorted(found)


@pytest.mark.parametrize("sentence", sentences())
def test_every_sentence_is_said_in_russian(sentence):
    russian = translated(sentence, "ru")

    assert CYRILLIC.search(russian)
    assert sentence.count("7") <= russian.count("7")  # no variable part is lost


def test_no_translation_is_of_a_sentence_that_nobody_says():
    texts = {"Variable '$", "' has invalid value at ", "' has invalid value: "}  # from the GraphQL library
    constants = [node.value for tree in modules() for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    said = "\n".join([*texts, *(text for text in constants if isinstance(text, str))])

    unsaid = [english for english in _RUSSIAN if not all(part in said for part in re.split(PLACE, english))]
    spoken = sentences()
    assert [english for english in unsaid if not any(re.fullmatch(pattern(english), each) for each in spoken)] == []


def pattern(english: str) -> str:
    return ".+".join(map(re.escape, re.split(PLACE, english)))


def test_a_language_that_nobody_speaks_here_is_answered_in_english():
    assert translated("Give a number.", "fr") == "Give a number."
