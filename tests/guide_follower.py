"""Follows a guide of `docs/guides/` mechanically: applies its code blocks to a copy of the project and runs its commands.

A step is a line that says what to do, a blank line and a code block:

Create `PATH`:                     the block is the new file
In `PATH`, before `ANCHOR`:        the block goes in front of the only line that contains the anchor
In `PATH`, after `ANCHOR`:         ... behind it
In `PATH`, in place of `ANCHOR`:   ... replaces it
In `PATH`, from `ANCHOR` to `END`: ... replaces all lines from one to the other
Run:                               each line is a command that must succeed; a backslash continues it
Run, and see it fail:              ... that must fail

Commands and answers that are only to be read stand in blocks of `bash`, `graphql` and `json`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
GUIDES: Final = ROOT / "docs" / "guides"
_STEP: Final = re.compile(
    r"^(?P<action>Create|In|Run, and see it fail|Run)(?: `(?P<path>[^`\n]+)`)?"
    r"(?:, (?P<place>before|after|in place of|from) `(?P<anchor>[^`\n]+)`(?: to `(?P<end>[^`\n]+)`)?)?"
    r":\n\n(?P<fence>```+)\w+\n(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_FENCE: Final = re.compile(r"^```+(?:python|toml|sh|js|markdown)$", re.MULTILINE)
_IGNORED: Final = (".git", ".venv", "var", ".mypy_cache", ".ruff_cache", ".pytest_cache", "*.db*")


@dataclass(frozen=True)
class GuideStep:
    action: str
    path: str | None
    place: str | None
    anchor: str | None
    end: str | None
    code: str


class GuideError(AssertionError):
    """A step cannot be followed; the message says which, and why."""


def read_steps(guide: Path) -> list[GuideStep]:
    """Return the steps of a guide in their order. Raises GuideError for a block without a line that places it."""
    text = guide.read_text()
    matches = list(_STEP.finditer(text))
    for fence in _FENCE.finditer(text):
        if not any(match.start() < fence.start() < match.end() for match in matches):
            line = text.count("\n", 0, fence.start()) + 1
            raise GuideError(f"{guide.name}:{line}: this block needs a line like “In `PATH`, after `ANCHOR`:”")
    return [GuideStep(*match.group("action", "path", "place", "anchor", "end", "code")) for match in matches]


def created_paths(text: str) -> set[str]:
    """Return the paths of the files that a guide creates."""
    return {match["path"] for match in _STEP.finditer(text) if match["action"] == "Create"}


def copy_project(target: Path) -> Path:
    """Copy the project, with the compiled modules, which the copied times keep valid."""
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*_IGNORED))
    return target


def follow(steps: list[GuideStep], project: Path) -> Iterator[tuple[str, subprocess.CompletedProcess[str]]]:
    """Follow the steps in the copy; yield each command with its outcome, which is as the step says."""
    for step in steps:
        if step.path is not None:
            _write(step, project / step.path)
            continue
        for line in step.code.replace("\\\n", "").strip().splitlines():
            process = run(line, project)
            if (process.returncode != 0) is not ("fail" in step.action):
                raise GuideError(f"{line} ended with {process.returncode}:\n{process.stdout}\n{process.stderr}")
            yield line, process


def _write(step: GuideStep, file: Path) -> None:
    if step.action == "Create":
        if file.exists():
            raise GuideError(f"{step.path} exists already")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(step.code)
        return
    lines = file.read_text().splitlines(keepends=True)
    first = _find_line(lines, step, step.anchor)
    last = first if step.end is None else _find_line(lines, step, step.end)
    start, end = {"before": (first, first), "after": (first + 1, first + 1)}.get(step.place or "", (first, last + 1))
    file.write_text("".join([*lines[:start], step.code, *lines[end:]]))


def _find_line(lines: list[str], step: GuideStep, anchor: str | None) -> int:
    matches = [number for number, line in enumerate(lines) if anchor is not None and anchor in line]
    if len(matches) != 1:
        raise GuideError(f"{step.path}: {len(matches)} lines contain {anchor}; the anchor must name one")
    return matches[0]


def run(command: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a guide in the copy, with the environment of this process instead of one that `./run` makes."""
    words = shlex.split(command, comments=True)
    match words:
        case ["./run", "test", *arguments]:
            words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        case ["./run", *arguments]:
            words = [sys.executable, "-P", "-m", "server", *arguments]
        case [program, *arguments] if program.startswith(".venv/bin/"):
            words = [str(Path(sys.executable).with_name(Path(program).name)), *arguments]
        case _:
            raise GuideError(f"{command} is neither `./run …` nor `.venv/bin/…`")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SCORELINE_", "PYTEST_"))}
    return subprocess.run(
        words, cwd=project, env={**environment, "PYTHONPATH": str(project)}, capture_output=True, text=True, timeout=900
    )
