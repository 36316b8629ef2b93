"""What no file that is handed on may hold: a place of this machine or of a download, or more than one can read."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 400  # lines of code in a file
DRAFTED = ROOT / "models" / "migrations"  # what the library lists there is applied once, and read hardly ever
LOCKS = ("requirements.txt", "requirements-test.txt")


def joined(*parts: str) -> str:
    """Put together what must not stand here whole either."""
    return "".join(parts)


FORBIDDEN = {
    "a place to download from": [
        joined("files.python", "hosted"),
        joined("pypi.", "org"),
        joined("registry.npm", "js"),
        joined("deb.", "debian.org"),
        joined("--index", "-url"),
        joined("--extra-index", "-url"),
        joined("--find", "-links"),
    ],
    "a place on a machine": [
        joined("/work", "/main"),
        joined("/work", "/shared"),
        joined("/work", "/.library"),
        joined("/ro", "ot/"),
        joined("/home", "/"),
        joined("/Users", "/"),
    ],
}
ALLOWED = {("run", joined("--no-emit-index", "-url"))}


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that are handed on, or all there are where there is no git."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("which files are handed on is known to git alone, and there is none")
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def text_of(path: Path) -> str:
    text = path.read_bytes().decode(errors="replace")
    for name, allowed in ALLOWED:
        if path == ROOT / name:
            text = text.replace(allowed, "")
    return text


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what):
    found = [
        f"{path.relative_to(ROOT)}: {text}" for path in tracked() for text in FORBIDDEN[what] if text in text_of(path)
    ]

    assert not found


def test_no_file_of_code_is_too_long_to_read():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix in (".py", ".js", ".css") and path.parent != DRAFTED
        if (lines := len(text_of(path).splitlines())) > LONGEST
    }

    assert not long


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_holds_exact_releases_with_their_hashes_and_no_address(name):
    text = (ROOT / name).read_text()
    entries = re.sub(r"\s*\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()

    assert len(entries) > 20
    assert "://" not in text
    assert [
        each for each in entries if not re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", each)
    ] == []


def test_the_tests_lock_holds_the_product_exactly():
    pinned = [set(re.findall(r"^([\w.\[\],-]+==\S+)", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS]

    assert pinned[0] <= pinned[1]
