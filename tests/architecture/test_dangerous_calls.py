"""The product runs no code or command made of data, parses no format that can, and uses strong algorithms only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from tests.source_tree import SourceFile, read_product_files

# Run code or commands, resolve external entities, or deserialize objects of any class.
FORBIDDEN_MODULES: Final = frozenset({
    "dbm", "ftplib", "jinja2", "ldap3", "lxml", "marshal", "pickle", "shelve", "subprocess", "telnetlib", "xml",
    "xmlrpc", "yaml",
})  # fmt: skip
FORBIDDEN_CALLS: Final = frozenset({"eval", "exec", "compile", "__import__"})
FORBIDDEN_ATTRIBUTES: Final = frozenset({
    "os.system", "os.popen", "os.execv", "os.spawnv", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell",
    "hashlib.md5", "hashlib.sha1", "hashlib.new", "ssl.CERT_NONE", "ssl._create_unverified_context", "uuid.uuid1",
})  # fmt: skip
_LAST_NAMES: Final = frozenset(name.rpartition(".")[2] for name in FORBIDDEN_ATTRIBUTES)
ALLOWED: Final = frozenset({
    ("server/background/import_processes.py", "asyncio.create_subprocess_exec"),  # starts this program, without a shell
    ("graph/execution/plans.py", "eval"),  # a comprehension of numbered names and of keys that are identifiers
})  # fmt: skip
PREDICTABLE: Final = frozenset({"random", "numpy.random"})  # for pauses, simulations and the demo, never for secrets
MODULES_WITH_SECRETS: Final = ("resolvers/auth/", "models/auth/", "domain/auth/", "server/settings.py")


def find_imports(file: SourceFile) -> Iterator[str]:
    for node in file.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def find_dangers(file: SourceFile) -> Iterator[str]:
    """Yield what a file uses of the forbidden."""
    yield from (name for name in find_imports(file) if name.partition(".")[0] in FORBIDDEN_MODULES)
    for node in file.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield node.func.id
        elif isinstance(node, ast.Attribute) and node.attr in _LAST_NAMES and ast.unparse(node) in FORBIDDEN_ATTRIBUTES:
            yield ast.unparse(node)


def test_product_uses_no_dangerous_function_or_module() -> None:
    files = [file for file in read_product_files() if file.folder != "benchmarks"]  # which start servers

    assert {(file.name, danger) for file in files for danger in find_dangers(file)} == ALLOWED


def test_dangers_are_found_in_every_form() -> None:
    code = (
        "import pickle, os\nfrom xml.dom import minidom\neval('1')\nos.system('x')\nhashlib.md5(b'')\nre.compile('a')"
    )

    found = set(find_dangers(SourceFile("x.py", 6, ast.parse(code))))

    assert found == {"pickle", "xml.dom", "eval", "os.system", "hashlib.md5"}


def test_secrets_are_made_by_the_generator_of_the_operating_system() -> None:
    files = [file for file in read_product_files() if file.name.startswith(MODULES_WITH_SECRETS)]

    assert any("secrets" in set(find_imports(file)) for file in files)
    assert [file.name for file in files if PREDICTABLE & set(find_imports(file))] == []
