"""References to the GraphQL types of rows, resolved when the schema is built, so that their modules need no imports.

A resolver returns a row (or another value whose attributes the type reads), and the schema names its GraphQL type. A
reference is both: the type checker sees the class of the value, Strawberry the GraphQL type. So resolvers and the
helpers that make fields are checked, without `Any`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from domain.ledger import metrics
    from models.alerts import alerts
    from models.auth import sessions
    from models.crm import activities, calls, clients, custom_metrics, deals, leads, pipelines, refunds, tasks, undo
    from models.forecasting import forecast_calls
    from models.goals import goals, plans
    from models.imports import import_jobs
    from models.organization import absences, company, people
    from resolvers.analytics import funnels, statistics, worktime
    from resolvers.forecasting import forecasts
    from resolvers.leaderboards import leaderboards
    from resolvers.request import import_files, viewer

    AbsenceRef: TypeAlias = absences.Absence
    ActivityRef: TypeAlias = activities.Activity
    AlertRef: TypeAlias = alerts.Alert
    AlertRuleRef: TypeAlias = alerts.AlertRule
    CallRef: TypeAlias = calls.Call
    ClientRef: TypeAlias = clients.Client
    CompanyRef: TypeAlias = company.Company
    ContactRef: TypeAlias = clients.Contact
    DealRef: TypeAlias = deals.Deal
    DealWonRef: TypeAlias = activities.AnnouncedWin
    DeviceRef: TypeAlias = sessions.Device
    EmployeeRef: TypeAlias = people.Employee
    ForecastCallRef: TypeAlias = forecast_calls.ForecastCall
    ForecastRef: TypeAlias = forecasts.Forecast
    FunnelRef: TypeAlias = funnels.Funnel
    GoalRef: TypeAlias = goals.Goal
    ImportJobRef: TypeAlias = import_jobs.ImportJob
    ImportPreviewRef: TypeAlias = import_files.ImportPreview
    LeaderboardRef: TypeAlias = leaderboards.Leaderboard
    LeadRef: TypeAlias = leads.Lead
    MetricRef: TypeAlias = metrics.Metric
    PipelineRef: TypeAlias = pipelines.Pipeline
    PlanRef: TypeAlias = plans.GoalPlan
    RefundRef: TypeAlias = refunds.Refund
    ResultRef: TypeAlias = custom_metrics.Result
    StageRef: TypeAlias = pipelines.Stage
    StandingRef: TypeAlias = leaderboards.LeaderboardRow
    StatisticsRef: TypeAlias = statistics.Statistics
    TaskRef: TypeAlias = tasks.Task
    TeamRef: TypeAlias = people.Team
    UndoneActivityRef: TypeAlias = undo.UndoneActivity
    ViewerRef: TypeAlias = viewer.Viewer
    WorkTimeRef: TypeAlias = worktime.WorkTime
else:
    from strawberry.types.lazy_type import LazyType

    def _refer_to(name: str, module: str) -> LazyType:
        # not `strawberry.lazy`, which takes a row's class of that name where a module has imported it
        return LazyType(name, f"graph.types.{module}")

    AbsenceRef = _refer_to("Absence", "people")
    ActivityRef = _refer_to("Activity", "activities")
    AlertRef = _refer_to("Alert", "alerts")
    AlertRuleRef = _refer_to("AlertRule", "alerts")
    CallRef = _refer_to("Call", "calls")
    ClientRef = _refer_to("Client", "deals")
    CompanyRef = _refer_to("Company", "people")
    ContactRef = _refer_to("Contact", "deals")
    DealRef = _refer_to("Deal", "deals")
    DealWonRef = _refer_to("DealWon", "leaderboards")
    DeviceRef = _refer_to("Device", "sessions")
    EmployeeRef = _refer_to("Employee", "people")
    ForecastCallRef = _refer_to("ForecastCall", "judgement")
    ForecastRef = _refer_to("Forecast", "forecasts")
    FunnelRef = _refer_to("Funnel", "funnels")
    GoalRef = _refer_to("Goal", "goals")
    ImportJobRef = _refer_to("ImportJob", "imports")
    ImportPreviewRef = _refer_to("ImportPreview", "imports")
    LeaderboardRef = _refer_to("Leaderboard", "leaderboards")
    LeadRef = _refer_to("Lead", "leads")
    MetricRef = _refer_to("Metric", "metrics")
    PipelineRef = _refer_to("Pipeline", "deals")
    PlanRef = _refer_to("GoalPlan", "plans")
    RefundRef = _refer_to("Refund", "refunds")
    ResultRef = _refer_to("Result", "results")
    StageRef = _refer_to("Stage", "deals")
    StandingRef = _refer_to("Standing", "leaderboards")
    StatisticsRef = _refer_to("Statistics", "statistics")
    TaskRef = _refer_to("Task", "tasks")
    TeamRef = _refer_to("Team", "people")
    UndoneActivityRef = _refer_to("UndoneActivity", "activities")
    ViewerRef = _refer_to("Viewer", "sessions")
    WorkTimeRef = _refer_to("WorkTime", "worktime")
