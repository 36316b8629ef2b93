"""Every aggregate of the schema: which fields are aggregates, and the documents that ask each of them.

A field of the schema with a number, a truth value, an instant or a day is either an attribute of something that the
viewer sees as a row, or an aggregate. `test_aggregates` fails until a new one stands in `ATTRIBUTES`, or in
`AGGREGATES` and in one of the documents.
"""

from __future__ import annotations

from typing import Final

_CONNECTION: Final = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
_BOARD: Final = """total totalCount version
  standings { rank previousRank employee { name } value target attainmentPercent gapToNext }"""
_FORECAST_NUMBERS: Final = "booked expected low median high"

# Asked of every scope: an employee, a team or the company, `$scope`.
SCOPE_DOCUMENTS: Final = {
    "leaderboard": f"""query($scope: ID, $metric: String!, $rankBy: RankBy!, $period: PeriodInput, $around: ID, $asOf: DateTime) {{
      leaderboard(scope: $scope, metric: $metric, rankBy: $rankBy, period: $period, around: $around, asOf: $asOf, first: 5) {{
        {_BOARD} }} }}""",
    "statistics": """query($scope: ID) { statistics(scope: $scope, interval: WEEK) {
      winRatePercent averageDealAmount medianSalesCycleDays
      previousWinRatePercent previousAverageDealAmount previousMedianSalesCycleDays
      series { metric { key } total previousTotal points { start value } } } }""",
    "funnel": """query($scope: ID) { funnel(scope: $scope, period: {kind: YEAR}) { weakest { stage { name } } stages {
      openDeals openAmount clients entered advanced lost conversionPercent conversionLowPercent conversionHighPercent
      immature benchmarkPercent medianDaysInStage stalled weak slow } } }""",
    "forecast": f"""query($scope: ID) {{ forecast(scope: $scope) {{
      {_FORECAST_NUMBERS} pipeline undated newBusiness attainmentProbability target confidence
      openPipeline {{ deals amount withoutAmount }}
      deals {{ winProbability expected }}
      accuracy {{ periods wape biasPercent intervalCoveragePercent
        submissions {{ periods wape biasPercent machineWape }} adjustments {{ periods wape biasPercent machineWape }} }}
      submitted submissions {{ amount machineExpected }} adjustment {{ amount machineExpected }} calls {{ amount }}
      categories {{ deals amount withoutAmount cumulative }}
      saidBefore {{ {_FORECAST_NUMBERS} }}
      drivers(since: TODAY) {{ expectedThen change drivers {{ amount dealCount deals {{ amount }} }} }} }} }}""",
    "goals": f"""query($scope: ID) {{ goals(scope: $scope) {{ name target fullTarget threshold stretch tier allocated
      tiers {{ name target percent reached remaining pace neededPerWorkday }}
      progress {{ value target attainmentPercent remaining expectedByNow pace projected projectedPercent projectionBasis
        attainmentProbability neededPerWorkday version }}
      entries {{ {_CONNECTION} edges {{ cursor node {{ amount late }} }} }}
      slices {{ target actual percent }}
      changes {{ at before after }} targetVersions {{ target since reason }}
      attainment(against: FIRST) {{ target percent }} }} }}""",
    "plan": """query($scope: ID!) { planPreview(input: {scope: $scope, period: {kind: MONTH}, metrics: [
      {metric: "hours_worked", base: TOTAL, total: "1000"}, {metric: "deals_won_amount", base: TOTAL, total: "1000", thresholdPercent: 80, stretchPercent: 120}]}) {
      targetCount totals { target allocated byHand probability }
      targets { lastResult base target threshold stretch difference byHand probability workingTimeShare owner { name } } } }""",
    "records": f"""query($scope: ID) {{
      activities(scope: $scope) {{ {_CONNECTION} edges {{ cursor node {{ summary at }} }} }}
      tasks(scope: $scope) {{ {_CONNECTION} edges {{ cursor node {{ title }} }} }}
      leads(scope: $scope) {{ {_CONNECTION} edges {{ cursor node {{ title }} }} }}
      calls(scope: $scope) {{ {_CONNECTION} edges {{ cursor node {{ note }} }} }}
      deals(scope: $scope) {{ {_CONNECTION} edges {{ cursor node {{ title winProbability activities {{ totalCount }} }} }} }}
      clients(scope: $scope) {{ {_CONNECTION} edges {{ cursor node {{
        name wonAmount lastActivityAt contacts {{ name }} deals {{ totalCount }} }} }} }} }}""",
    "duplicates": """query($scope: ID) { duplicates(scope: $scope) {
      reason value count records { ... on Client { name email phone } } } }""",
}
# Asked once, of everything.
WHOLE_DOCUMENTS: Final = {
    "employees": f"""{{ employees(search: "a") {{ {_CONNECTION} edges {{ cursor node {{ name
      standing(metric: "hours_worked") {{ rank previousRank value gapToNext target attainmentPercent }}
      workTime {{ totalHours days {{ hours firstSeenAt lastSeenAt }} }}
      activities {{ totalCount }} tasks {{ totalCount }} calls {{ totalCount }} leads {{ totalCount }}
      clients {{ totalCount }} deals {{ totalCount }} }} }} }} }}""",
    "inbox": f"{{ viewer {{ unreadAlerts }} alerts {{ {_CONNECTION} edges {{ cursor node {{ message }} }} }} }}",
    "teams": "{ teams { name members { name } } goals { name target progress { value version } } }",
}

_CONNECTIONS: Final = ("Activity", "Alert", "Call", "Client", "Deal", "Employee", "Lead", "ScoreEntry", "Task")
AGGREGATES: Final = frozenset(
    f"{type_name}.{field}"
    for type_name, fields in {
        "Leaderboard": "totalCount total version",
        "Standing": "rank previousRank value target attainmentPercent gapToNext",
        "Statistics": """winRatePercent averageDealAmount medianSalesCycleDays previousWinRatePercent
            previousAverageDealAmount previousMedianSalesCycleDays""",
        "MetricSeries": "total previousTotal",
        "SeriesPoint": "value",
        "FunnelStage": """openDeals openAmount clients entered advanced lost conversionPercent conversionLowPercent
            conversionHighPercent immature benchmarkPercent medianDaysInStage stalled weak slow""",
        "Forecast": f"""{_FORECAST_NUMBERS} pipeline undated newBusiness attainmentProbability target confidence
            submitted""",
        "OpenPipeline": "deals amount withoutAmount",
        "DealForecast": "winProbability expected",
        "DuplicateGroup": "count",
        "ForecastAccuracy": "periods wape biasPercent intervalCoveragePercent",
        "ForecastSnapshot": _FORECAST_NUMBERS,
        "ForecastDrivers": "expectedThen change",
        "ForecastCall": "amount machineExpected",
        "ForecastCategoryTotal": "deals amount withoutAmount cumulative",
        "JudgementAccuracy": "periods wape biasPercent machineWape",
        "ForecastDriver": "amount dealCount",
        "DriverDeal": "amount",
        "Goal": "target fullTarget threshold stretch tier allocated",
        "GoalAttainment": "target percent",
        "GoalSlice": "target actual percent",
        "TierProgress": "name target percent reached remaining pace neededPerWorkday",
        "GoalTargetVersion": "target",
        "GoalProgress": """value target attainmentPercent remaining expectedByNow pace projected projectedPercent projectionBasis
            attainmentProbability neededPerWorkday version""",
        "PlanPreview": "targetCount",
        "PlanTotal": "target allocated byHand probability",
        "PlannedTarget": "lastResult base target threshold stretch difference byHand probability workingTimeShare",
        "Client": "wonAmount lastActivityAt",
        "Deal": "winProbability",
        "WorkTime": "totalHours",
        "WorkDay": "hours firstSeenAt lastSeenAt",
        "Viewer": "unreadAlerts",
        "PageInfo": "hasNextPage hasPreviousPage",
        **{f"{name}Connection": "totalCount" for name in _CONNECTIONS},
    }.items()
    for field in fields.split()
)
ATTRIBUTES: Final = frozenset(  # of rows, of settings, or of the clock: visible with what they belong to
    f"{type_name}.{field}"
    for type_name, fields in {
        "Absence": "kind from to createdAt",  # rows, for viewers who may see the employee's work time
        "Activity": "kind at recordedAt undoableUntil",
        "Alert": "kind readAt raisedAt resolvedAt",
        "AlertRule": "kind enabled days hours percent coolDownHours minAmount recipients",
        "AlertRuleTest": "alerts perDay",  # for administrators, who see everything
        "Call": "direction outcome startedAt durationSeconds",
        "Client": "createdAt",
        "Company": "closeAfterWorkdays weekStart workingDays workdayStart workdayEnd employeesSetAbsences requiresTargetReason",
        "CompanyDay": "date kind",
        "Contact": "createdAt",
        # `saleKind` says how the deal counts for its owner, and so depends on every earlier win of the client
        "Deal": """status createdAt expectedCloseOn closedAt hasProblems saleKind forecastCategory
            ownForecastCategory""",
        "DealWon": "revoked at",
        "Session": "startedAt expiresAt current",  # only the viewer's own
        "Device": "kind createdAt lastSeenAt revokedAt",
        "DuplicateGroup": "reason",
        "Employee": "role active online joinedOn carriesQuota",  # the last two only for viewers who may see the card
        "ExchangeRate": "rate from",
        "Forecast": "basis asOf accuracyState",  # the last one says what the process has computed so far
        "ForecastSnapshot": "day",
        "ForecastDrivers": "state day",  # of the snapshot, which all viewers of the forecast compare with
        "ForecastDriver": "kind",
        "ForecastCall": "kind basis at firstDay lastDay",
        "ForecastCategoryTotal": "category",
        "Goal": "recurring proRated shape createdAt archivedAt",
        "GoalChange": "at",
        "GoalTargetVersion": "since",
        "GoalPlan": "goalCount appliedAt undoneAt",
        "GoalProgress": "asOf",
        # imports, for administrators, who see everything
        "ImportCounts": "read new changed unchanged rejected",
        "ImportJob": """state dryRun startedAt finishedAt cancelRequested rowsRead rowsTaken rowsUnchanged rowsRejected
            shareDone""",
        "ImportJobConnection": "totalCount",
        "ImportPreviewColumn": "confidence",
        "ImportPreviewFile": "lines",
        "ImportProblem": "line",
        "ImportRejection": "line",
        "ImportRejectionConnection": "totalCount",
        "Lead": "status createdAt",
        "Leaderboard": "rankBy asOf",
        "Metric": "unit builtIn",
        "Money": "amount",
        "Period": "kind start end workdays workdaysElapsed workdaysLeft workdaysList",
        "Permission": "action reach",  # the permission table, for the viewer
        "Refund": "at recordedAt",
        "Result": "at value",
        "ScoreEntry": "effectiveOn effectiveAt late recordedAt amount",
        "SeriesPoint": "start",
        "Stage": "position forecastCategory",
        "Task": "kind dueAt completedAt overdue",
        "UndoneActivity": "undoneAt",
        "Viewer": "role",
        "WorkDay": "date",
    }.items()
    for field in fields.split()
)
# Learnt from the deals of the whole company, like every estimate of the forecast: the win rates of stages, and the
# calibration of the probabilities of goals.
ESTIMATES: Final = frozenset(
    {
        "ForecastAccuracy.weightedPipelineWape",
        *(
            f"GoalReliability.{name}"
            for name in ("lowPercent", "highPercent", "predictedPercent", "reachedPercent", "goals")
        ),
    }
)
# Of payloads: the tokens and number of the viewer's sessions, and the caller's own work time and inbox.
PAYLOAD_ATTRIBUTES: Final = frozenset(
    {
        "SignInPayload.expiresAt",
        "EndSessionsPayload.ended",
        "HeartbeatPayload.online",
        "HeartbeatPayload.todayHours",
        "MarkAlertsReadPayload.unreadAlerts",
    }
)
