"""The state that a kept answer of a leaderboard follows from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from resolvers.leaderboards.leaderboard_cache import LeaderboardCache
from resolvers.leaderboards.ranked_scores import LeaderboardKey


@dataclass(frozen=True)
class LeaderboardState:
    """The ranked scores that an answer was made from; see `AnswerState`."""

    cache: LeaderboardCache
    key: LeaderboardKey
    today: date
    revision: object

    async def is_current(self) -> bool:
        return await self.cache.is_current(self.key, self.today, self.revision)
