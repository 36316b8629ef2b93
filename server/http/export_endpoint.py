"""Exports of goals, leaderboards and cards as files: `GET /export/goals.csv`, `/export/leaderboard.xlsx`.

The permissions are those of the queries of the same name, and the figures too: the same resolvers answer both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Final, TypeVar

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from domain.errors.operation_errors import BadInput
from domain.primitives.periods import PeriodKind
from domain.primitives.tables import ExportTable
from resolvers.analytics.card_export import export_card
from resolvers.goals.goal_export import export_goals
from resolvers.leaderboards.leaderboard_export import MAX_EXPORTED, export_leaderboard
from resolvers.leaderboards.leaderboards import LeaderboardParts, LeaderboardQuery, RankBy
from resolvers.request.context import RequestContext
from resolvers.request.periods import PeriodKey
from server.http.table_files import CSV_MEDIA_TYPE, XLSX_MEDIA_TYPE, write_csv, write_xlsx
from server.operation_runner import OperationRunner
from server.requests.client_info import anonymous_client, with_token

Value = TypeVar("Value")

_STATUS_BY_ERROR_CODE: Final = {
    "UNAUTHENTICATED": 401, "TOKEN_EXPIRED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "THROTTLED": 429, "INTERNAL": 500,
    "UNAVAILABLE": 503, "TIMEOUT": 503,
}  # fmt: skip
_WRITERS: Final[Mapping[str, tuple[Callable[[ExportTable], bytes], str]]] = {
    "csv": (write_csv, CSV_MEDIA_TYPE),
    "xlsx": (write_xlsx, XLSX_MEDIA_TYPE),
}
_PERIOD_PARAMETERS: Final = frozenset({"kind", "on", "offset", "start", "end"})
_CARD_PARAMETERS: Final = _PERIOD_PARAMETERS | {"scope"}
_GOAL_PARAMETERS: Final = _CARD_PARAMETERS | {"metric"}
_LEADERBOARD_PARAMETERS: Final = _GOAL_PARAMETERS | {"rankBy", "asOf"}


class ExportEndpoint:
    """Answers requests for exports with files, and errors as those of GraphQL."""

    def __init__(self, operation_runner: OperationRunner) -> None:
        self._operation_runner = operation_runner

    async def handle_goals(self, request: Request) -> Response:
        async def export(context: RequestContext, params: QueryParams) -> ExportTable:
            period = _read_period(params, _GOAL_PARAMETERS)
            return await export_goals(context, params.get("scope"), period, params.get("metric"))

        return await self._answer(request, export)

    async def handle_card(self, request: Request) -> Response:
        async def export(context: RequestContext, params: QueryParams) -> ExportTable:
            return await export_card(context, params.get("scope"), _read_period(params, _CARD_PARAMETERS))

        return await self._answer(request, export)

    async def handle_leaderboard(self, request: Request) -> Response:
        async def export(context: RequestContext, params: QueryParams) -> ExportTable:
            query = LeaderboardQuery(
                params.get("metric", "deals_won_amount"),
                _read_period(params, _LEADERBOARD_PARAMETERS),
                params.get("scope"),
                _read(params, "rankBy", RankBy) or RankBy.VALUE,
                MAX_EXPORTED,
                as_of=_read(params, "asOf", datetime.fromisoformat),
                parts=LeaderboardParts(),
            )
            return await export_leaderboard(context, query)

        return await self._answer(request, export)

    async def _answer(
        self, request: Request, export: Callable[[RequestContext, QueryParams], Awaitable[ExportTable]]
    ) -> Response:
        runner = self._operation_runner
        client = anonymous_client(request.scope, request.headers)
        if request.path_params["format"] not in _WRITERS:
            return Response(status_code=404)
        write, media_type = _WRITERS[request.path_params["format"]]

        async def load() -> ExportTable:
            context = await runner.context_factory.create_for_request(
                with_token(client, request.headers.get("authorization")), is_query=True
            )
            context.viewer  # noqa: B018 - raises for an anonymous client
            return await export(context, request.query_params)

        try:
            table = await runner.operations.run_with_deadline(load())
        except Exception as error:  # noqa: BLE001 - it becomes the response
            result = runner.make_error_result(error, client)
            status = _STATUS_BY_ERROR_CODE.get(result.error_codes[0], 400)
            headers = {"www-authenticate": "Bearer"} if status == 401 else {}
            return Response(result.body, status, headers, "application/json")
        body = await asyncio.to_thread(write, table)
        name = f"{table.name}.{request.path_params['format']}"
        return Response(body, 200, {"content-disposition": f'attachment; filename="{name}"'}, media_type)


def _read_period(params: QueryParams, allowed: frozenset[str]) -> PeriodKey | None:
    """Return the period of the parameters, None without one. Raises BadInput, also for a parameter that is not allowed."""
    for name in params:
        if name not in allowed or len(params.getlist(name)) > 1:
            raise BadInput("There is no parameter `{name}`, or it is given twice.", field=name[:40], name=name[:40])
    if not _PERIOD_PARAMETERS & params.keys():
        return None
    return PeriodKey(
        _read(params, "kind", PeriodKind) or PeriodKind.MONTH,
        _read(params, "on", date.fromisoformat),
        _read(params, "offset", int) or 0,
        _read(params, "start", date.fromisoformat),
        _read(params, "end", date.fromisoformat),
    )


def _read(params: QueryParams, name: str, parse: Callable[[str], Value]) -> Value | None:
    """Return the value of a parameter, None without it. Raises BadInput."""
    text = params.get(name)
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError:
        raise BadInput("`{name}` has no valid value.", field=name, name=name) from None
