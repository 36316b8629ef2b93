"""Names and docstrings: no bare participles and pronouns as names, one class for each name, plain docstrings."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import pytest

from tests.source_tree import PRODUCT_FOLDERS, SourceFile, read_product_files, read_source_files

# A name says what the thing is: `rows`, not `found`; `request`, not `asked`; `employee`, not `each`.
VAGUE_NAMES = {
    "found", "given", "asked", "known", "told", "said", "kept", "made", "seen", "shown", "heard", "moved",
    "settled", "spoken", "meant", "each", "stood", "written", "looked", "fresh", "own", "whose", "again",
    "standing", "anew", "somebody", "nobody", "everybody", "wanted", "taken", "gone", "come", "held", "left",
    "put", "awake", "aloud", "everything", "whoever", "anybody",
}  # fmt: skip
MAX_VAGUE_NAMES = 1.0  # per 1,000 lines of code
# Docstrings call people "the viewer", "the employee" or "they", and begin a new sentence instead of "whose".
VAGUE_WORDS = {"he", "him", "his", "himself", "who", "whom", "whose", "whoever", "somebody", "nobody", "everybody"}
MAX_VAGUE_WORDS = 1.0  # per 1,000 words of docstrings


@pytest.mark.parametrize("folders", [PRODUCT_FOLDERS, ("tests",)], ids=["product", "tests"])
def test_bare_participles_and_pronouns_are_rare_as_names(folders: Sequence[str]) -> None:
    files = read_source_files(*folders)
    places = defaultdict(list)
    for file in files:
        for name, line in find_names(file.tree):
            if name.strip("_").lower() in VAGUE_NAMES:
                places[name].append(f"{file.name}:{line}")

    rate = 1000 * sum(map(len, places.values())) / sum(file.line_count for file in files)

    assert rate <= MAX_VAGUE_NAMES, f"{rate:.1f} per 1,000 lines; {format_commonest(places)}"


def find_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each name that the code binds or uses, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name, node.lineno


def format_commonest(places: dict[str, list[str]]) -> str:
    """Describe the commonest entries, the commonest first, each with its first places."""
    commonest = sorted(places.items(), key=lambda entry: (-len(entry[1]), entry[0]))[:10]
    return "; ".join(f"`{name}` {len(lines)} times: {', '.join(lines[:5])}" for name, lines in commonest)


def test_names_are_counted_wherever_they_are_bound_or_used() -> None:
    code = "import a as b\nclass C:\n  def d(self, e): self.f = e\ntry: pass\nexcept E as g: [h for h in i]"

    names = Counter(find_names(ast.parse(code)))

    assert names == Counter(
        {("b", 1): 1, ("C", 2): 1, ("d", 3): 1, ("self", 3): 2, ("e", 3): 2, ("f", 3): 1}
        | {("g", 5): 1, ("E", 5): 1, ("h", 5): 2, ("i", 5): 1}
    )


def test_class_names_are_defined_once() -> None:
    files_by_class = defaultdict(list)
    for file in read_product_files():
        for class_definition in file.classes():
            files_by_class[class_definition.name].append(file.name)

    assert {
        name: files for name, files in files_by_class.items() if len(files) > 1 and not is_type_and_its_row(files)
    } == {}


def is_type_and_its_row(files: Sequence[str]) -> bool:
    """Return whether these are the files of a GraphQL type and of the row or value that it shows."""
    types = [name for name in files if name.startswith(("graph/types/", "graph/base/"))]
    rows = [name for name in files if name.startswith(("models/", "resolvers/", "domain/"))]
    return len(types) == len(rows) == 1 and len(files) == 2


def test_docstrings_name_people_and_things_plainly() -> None:
    word_count, places = 0, defaultdict(list)
    for file in read_product_files():
        for words, line in find_docstrings(file):
            word_count += len(words)
            for word in words:
                if word.lower() in VAGUE_WORDS:
                    places[word.lower()].append(f"{file.name}:{line}")

    rate = 1000 * sum(map(len, places.values())) / word_count

    assert rate <= MAX_VAGUE_WORDS, f"{rate:.1f} per 1,000 words; {format_commonest(places)}"


def find_docstrings(file: SourceFile) -> Iterator[tuple[list[str], int]]:
    """Yield the words of each docstring, with the line on which its module, class or function begins."""
    for node in file.nodes:
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            words = re.findall(r"[A-Za-z']+", ast.get_docstring(node) or "")
            if words:
                yield words, getattr(node, "lineno", 1)
