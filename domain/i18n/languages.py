"""The languages in which Scoreline answers."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "ru")
