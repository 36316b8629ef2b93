"""The guides work when they are followed word for word: their code is applied to a copy of the project and tested."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from tests.guide_follower import GUIDES, ROOT, GuideError, copy_project, follow, read_steps, run

GRAPHQL_BLOCK = re.compile(r"^```graphql\n(.*?)^```$", re.MULTILINE | re.DOTALL)


ALL_GUIDES = sorted(path.name for path in GUIDES.glob("add-*.md"))
DEFAULT_GUIDES = (
    "add-an-import-source.md",
)  # the steps of the others are only applied, since their commands take minutes
EACH_GUIDE = pytest.mark.parametrize("guide", [GUIDES / name for name in ALL_GUIDES], ids=ALL_GUIDES)


@pytest.mark.parametrize(
    "guide",
    [
        pytest.param(GUIDES / name, id=name, marks=() if name in DEFAULT_GUIDES else pytest.mark.long)
        for name in ALL_GUIDES
    ],
)
@pytest.mark.timeout(900)  # it runs tests and generators one after another, on a machine that may be busy
def test_guide_works_when_followed_word_for_word(guide: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")

    commands = [command for command, _ in follow(read_steps(guide), project)]

    assert any("./run test" in command for command in commands)
    schema = build_schema((project / "graph" / "schema.graphql").read_text())
    for query in GRAPHQL_BLOCK.findall(guide.read_text()):
        assert validate(schema, parse(query)) == []
    for check in (".venv/bin/ruff format --check --no-cache .", ".venv/bin/ruff check --no-cache ."):
        process = run(check, project)
        assert process.returncode == 0, process.stdout


def find_missing_imports(project: Path, tree: ast.Module) -> list[str]:
    """Return the names that are imported from modules of the project which do not have them."""
    return [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and (project / node.module.partition(".")[0]).is_dir()
        for alias in node.names
        if not has_name(project / node.module.replace(".", "/"), alias.name)
    ]


def has_name(module: Path, name: str) -> bool:
    """Return whether a module or package defines or imports the name, or has a module of this name."""
    if (module / f"{name}.py").exists() or (module / name).is_dir():
        return True
    source = module.with_suffix(".py") if module.with_suffix(".py").exists() else module / "__init__.py"
    tree = ast.parse(source.read_text()) if source.exists() else ast.Module([], [])
    return any(
        getattr(node, "name", None) == name
        or (
            isinstance(node, ast.ImportFrom | ast.Import)
            and name in {alias.asname or alias.name for alias in node.names}
        )
        or (isinstance(node, ast.Assign) and name in {ast.unparse(target) for target in node.targets})
        or (isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name)
        for node in ast.walk(tree)
    )


@EACH_GUIDE
def test_steps_of_a_guide_fit_the_code_and_leave_valid_python(guide: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")

    changes = [step for step in read_steps(guide) if step.path is not None]
    list(follow(changes, project))

    assert changes
    for path in {step.path for step in changes if step.path and step.path.endswith(".py")}:
        missing_names = find_missing_imports(project, ast.parse((project / path).read_text()))
        assert missing_names == []


@EACH_GUIDE
def test_migration_of_a_guide_follows_the_last_migration(guide: Path) -> None:
    last = max(path.stem for path in (ROOT / "models" / "migrations").glob("0*.py"))
    migrations = [step for step in read_steps(guide) if (step.path or "").startswith("models/migrations/")]

    for number, step in enumerate(migrations, int(last[:4]) + 1):
        assert Path(step.path or "").stem[:4] == f"{number:04}"
        assert f'dependencies = [("models", "{last}")]' in step.code


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("In `run`, after `no such line`:\n\n```python\nx\n```\n", "0 lines contain no such line"),
        ("In `run`, after `import`:\n\n```python\nx\n```\n", "lines contain import; the anchor must name one"),
        ("In `run`, from `import hashlib` to `no such line`:\n\n```python\nx\n```\n", "0 lines contain no such line"),
        ("Create `run`:\n\n```python\nx\n```\n", "run exists already"),
        ("```python\nx\n```\n", "this block needs a line like"),
        ("Run:\n\n```sh\nrm -rf x\n```\n", "rm -rf x is neither"),
        ("Run:\n\n```sh\n./run settings --no-such\n```\n", "./run settings --no-such ended with 2"),
        ("Run, and see it fail:\n\n```sh\n./run settings\n```\n", "./run settings ended with 0"),
    ],
)
def test_step_that_cannot_be_followed_fails_with_its_reason(text: str, reason: str, tmp_path: Path) -> None:
    guide, project = tmp_path / "guide.md", tmp_path / "project"
    guide.write_text(text)
    shutil.copytree(ROOT / "server", project / "server")
    shutil.copy(ROOT / "run", project / "run")

    with pytest.raises(GuideError, match=re.escape(reason)):
        list(follow(read_steps(guide), project))
