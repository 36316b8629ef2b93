"""Records which functions of the product call which, while an operation runs."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import CodeType, FrameType
from typing import Final

from tests.source_tree import ROOT

LAYERS: Final = ("domain", "models", "resolvers", "subscriptions", "graph", "server")  # the lowest first
_PREFIX: Final = f"{ROOT}/"
_BEGIN: Final = 0  # argument of the instruction RESUME at the beginning of a function; others go on after a wait


@dataclass(frozen=True)
class Call:
    """A function and who called it, as "path.py:name"; no caller if the event loop or a library did."""

    function: str
    caller: str | None

    @property
    def goes_up(self) -> bool:
        return self.caller is not None and _level(self.function) > _level(self.caller)


@dataclass
class CallRecord:
    """The distinct calls in the order of their first occurrence."""

    calls: dict[Call, None] = field(default_factory=dict)

    def add(self, frame: FrameType, event: str, _: object) -> None:
        """Record a call, as a profiler; a generator or coroutine that goes on is none."""
        # the code is looked at last, as it is copied each time
        if event == "call" and (function := _name_of(frame.f_code)) and _begins(frame):
            self.calls.setdefault(Call(function, _caller_of(frame)))

    @property
    def functions(self) -> list[str]:
        return list(dict.fromkeys(call.function for call in self.calls))


@contextmanager
def record_calls() -> Iterator[CallRecord]:
    """Record the calls of this thread, and of threads that begin within the block.

    Garbage is not collected meanwhile: a generator of another test that is closed then would look like a call.
    """
    record = CallRecord()
    gc.collect()
    gc.disable()
    threading.setprofile(record.add)
    sys.setprofile(record.add)
    try:
        yield record
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        gc.enable()


def _begins(frame: FrameType) -> bool:
    return frame.f_code.co_code[frame.f_lasti + 1] == _BEGIN


@cache
def _name_of(code: CodeType) -> str | None:
    if not code.co_filename.startswith(_PREFIX) or code.co_name.startswith("<"):
        return None
    path = code.co_filename.removeprefix(_PREFIX)
    return f"{path}:{code.co_qualname}" if path.split("/")[0] in LAYERS else None


def _caller_of(frame: FrameType) -> str | None:
    caller = frame.f_back
    while caller is not None:
        if name := _name_of(caller.f_code):
            return name
        caller = caller.f_back
    return None


def _level(function: str) -> int:
    return LAYERS.index(function.split("/")[0])
