"""The rows of all kinds of CRM records, as types."""

from __future__ import annotations

from models.crm.calls import Call
from models.crm.clients import Client, Contact
from models.crm.custom_metrics import Result
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.tasks import Task

OwnedRecord = Deal | Lead | Client | Contact  # counts for its owner when it is created
CrmRecord = OwnedRecord | Call | Task | Result
