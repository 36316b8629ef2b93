"""English: the texts that all other languages translate."""

from __future__ import annotations

from typing import Final

from domain.i18n.language import Language

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# What a placeholder stands for: domain/i18n/placeholders.py
_TEXTS: Final = {
    "date": "{day} {month} {year}",
    "period.DAY": "{day}",
    "period.WEEK": "Week of {day}",
    "period.MONTH": "{month} {year}",
    "period.QUARTER": "Q{quarter} {year}",
    "period.YEAR": "{year}",
    "period.CUSTOM": "{day} – {last_day}",
    # alerts, after the name of whom they concern and a colon
    "alert.DEAL_LOST": "deal lost:{title}{amount}{reason}",
    "alert.DEAL_HAS_PROBLEMS": "problem with deal{title}{amount}: {problem}",
    "alert.DEAL_STALLED": "nothing has happened with deal{title}{amount} for {days}",
    "alert.TASK_OVERDUE": "task overdue:{title}{due}",
    "alert.ASSIGNMENT_OVERDUE": "assignment not done in time:{title}{due}",
    "alert.GOAL_BEHIND": "goal{title} is {points} behind: {percent}% instead of {expected}%",
    "alert.GOAL_ACHIEVED": "goal achieved:{title}",
    "alert.NO_ACTIVITY": "nothing recorded for {workdays}",
    "alert.LEAD_UNTOUCHED": "nobody has worked on lead{title} for {workhours}",
    "alert.DEAL_ENTERED_STAGE": "deal{title}{amount} is now in stage {stage}",
    "alert.DEAL_WON": "deal won:{title}{amount}",
    "alerts.title": "Scoreline: {alerts}",
    "alerts.resolved": "{sentence} (settled since)",
    # entries of the activity feed
    "activity.DEAL_CREATED": "New deal{title}{amount}{reason}",
    "activity.DEAL_UPDATED": "Deal{title} changed{fields}",
    "activity.DEAL_STAGE_CHANGED": "Deal{title} moved to {stage}",
    "activity.DEAL_WON": "Deal{title} won{amount}{reason}",
    "activity.DEAL_LOST": "Deal{title} lost{amount}{reason}",
    "activity.DEAL_REOPENED": "Deal{title} opened again{amount}{reason}",
    "activity.DEAL_FLAGGED": "Problem with deal{title}: {problem}",
    "activity.DEAL_FLAGGED.SOLVED": "Problem solved: deal{title}",
    "activity.DEAL_DELETED": "Deal{title} deleted",
    "activity.CALL_MADE": "Outbound call{outcome}{duration}",
    "activity.CALL_MADE.INBOUND": "Inbound call{outcome}{duration}",
    "activity.TASK_CREATED": "Task created:{title}",
    "activity.TASK_CREATED.ASSIGNMENT": "Assignment created:{title}",
    "activity.TASK_COMPLETED": "Task completed:{title}",
    "activity.TASK_COMPLETED.ASSIGNMENT": "Assignment completed:{title}",
    "activity.TASK_OVERDUE": "Task overdue:{title}",
    "activity.TASK_OVERDUE.ASSIGNMENT": "Assignment overdue:{title}",
    "activity.TASK_REOPENED": "Task opened again:{title}",
    "activity.TASK_REOPENED.ASSIGNMENT": "Assignment opened again:{title}",
    "activity.LEAD_CREATED": "New lead{title}",
    "activity.LEAD_CONVERTED": "Lead{title} became a deal",
    "activity.LEAD_REJECTED": "Lead rejected:{title}{reason}",
    "activity.CONTACT_ADDED": "New contact{title}",
    "activity.CLIENT_ADDED": "New client{title}",
    "activity.RESULT_RECORDED": "Result: {metric}, {value}",
    "activity.GOAL_SET": "Goal set:{title}{target}",
    "activity.GOAL_CHANGED": "Goal{title} changed{fields}",
    "activity.GOAL_ACHIEVED": "Goal{title} achieved",
    "activity.GOAL_ARCHIVED": "Goal{title} archived",
    "activity.RECORD_DELETED": "Deleted: {record}{title}",
    # parts of the sentences above
    "due": ", due {day}, {time}",
    "target": ", target {target}",
    "target.HOURS": ", target {target} h",
    "outcome.ANSWERED": "answered",
    "outcome.NO_ANSWER": "no answer",
    "outcome.BUSY": "busy",
    "outcome.VOICEMAIL": "voicemail",
    "record": "record",
    "record.Call": "call",
    "record.Lead": "lead",
    "record.Client": "client",
    "record.Contact": "contact",
    "record.Task": "task",
    "record.Result": "result",
    # names of changed columns
    "field.title": "title",
    "field.amount": "amount",
    "field.currency": "currency",
    "field.cost": "cost",
    "field.owner_id": "owner",
    "field.client_id": "client",
    "field.product": "product",
    "field.expected_close_on": "expected closing day",
    "field.closed_at": "closing time",
    "field.name": "name",
    "field.target": "target",
    "field.recurring": "recurrence",
}

ENGLISH: Final = Language(
    name="English",
    texts=_TEXTS,
    nouns={
        "alert": ("alert", "alerts"),
        "day": ("day", "days"),
        "working day": ("working day", "working days"),
        "working hour": ("working hour", "working hours"),
        "percentage point": ("percentage point", "percentage points"),
        "hour": ("hour", "hours"),
        "minute": ("minute", "minutes"),
        "second": ("second", "seconds"),
    },
    plural_form=lambda number: int(number != 1),
    months=_MONTHS,
    months_in_date=_MONTHS,
    quotes=("“", "”"),
    separators=(",", "."),
    metrics={},  # the English names stand in `METRICS`
    errors={},  # the English sentences stand where the errors are raised
)
