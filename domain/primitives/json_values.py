"""Types of values that are stored or sent as JSON."""

from __future__ import annotations

from typing import Any

JsonValue = Any  # as it is parsed from a JSON text
JsonObject = dict[str, JsonValue]
