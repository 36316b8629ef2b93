"""The command line: what it loads to answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from server.commands.cli import main

ROOT = Path(__file__).parents[3]
SLOW_LIBRARIES = {"numpy", "pydantic", "starlette", "strawberry", "structlog", "tortoise", "uvicorn"}
LIST_LOADED_LIBRARIES = f"""
import json, sys
from server.commands.cli import main
arguments = json.loads(sys.argv[1])
main(arguments, standalone_mode=False)
print(json.dumps(sorted({SLOW_LIBRARIES!r} & sys.modules.keys())))
"""


def list_loaded_libraries(*arguments: str) -> list[str]:
    """Run a command in a new process and return which of the slow libraries it has imported."""
    process = subprocess.run(
        [sys.executable, "-c", LIST_LOADED_LIBRARIES, json.dumps(arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(process.stdout.splitlines()[-1]))


def test_help_and_settings_load_no_slow_library():
    commands = [("--help",), ("settings",), *((name, "--help") for name in main.commands)]

    loaded = {command: list_loaded_libraries(*command) for command in commands}

    assert {command: libraries for command, libraries in loaded.items() if libraries} == {}


def test_command_loads_what_it_needs():
    assert "strawberry" in list_loaded_libraries("schema")
