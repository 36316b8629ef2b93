"""One-time links with which employees set their password, and the mails that carry them.

A link is stored by the digest of its token. A mail is stored as the request for it: its link is made when it is sent,
so no table ever holds a token. A request is stored for an unknown e-mail address as well; it takes as long, and is
dropped when the mail would be sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.auth.password_links import LinkPurpose
from models.db import connection, row_store
from models.db.columns import enum_column, foreign_key, text_column

_SENDING_TIMEOUT: Final = timedelta(minutes=2)  # after which a mail is due again if its sender died


class PasswordLink(Model):
    id = fields.IntField(primary_key=True)
    employee = foreign_key("Employee")
    employee_id: int
    purpose: LinkPurpose = enum_column(LinkPurpose)
    digest: str = text_column(64, unique=True)
    created_at: datetime = fields.DatetimeField()
    expires_at: datetime = fields.DatetimeField()
    used_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "password_link"
        indexes = (("employee_id",), ("expires_at",))


class PasswordMail(Model):
    """A requested mail with a password link; deleted once it is sent, dropped or given up.

    language  of the request; that of the employee's profile takes precedence
    """

    id = fields.IntField(primary_key=True)
    email: str = text_column(254)
    purpose: LinkPurpose = enum_column(LinkPurpose)
    language: str = text_column(8)
    requested_at: datetime = fields.DatetimeField()
    due_at: datetime = fields.DatetimeField()
    attempts: int = fields.IntField(default=0)

    class Meta:
        table = "password_mail"
        indexes = (("due_at",),)


async def use_link(link_id: int, now: datetime) -> bool:
    """Mark a link as used; return False if it was used before."""
    return bool(await PasswordLink.filter(id=link_id, used_at=None).update(used_at=now))


async def void_links(employee_id: int, now: datetime) -> None:
    """End all unused links of the employee."""
    await PasswordLink.filter(employee_id=employee_id, used_at=None, expires_at__gt=now).update(expires_at=now)


async def claim_due_mail(now: datetime) -> PasswordMail | None:
    """Return a mail that is due, claimed for an attempt so that no other process sends it; None if there is none."""
    while True:
        rows = await connection.fetch_rows(
            "SELECT * FROM password_mail WHERE due_at <= ? ORDER BY due_at, id LIMIT 1", [now]
        )
        if not rows:
            return None
        mail = row_store.from_columns(PasswordMail, rows[0])
        unclaimed = PasswordMail.filter(id=mail.id, attempts=mail.attempts)
        if await unclaimed.update(attempts=mail.attempts + 1, due_at=now + _SENDING_TIMEOUT):
            mail.attempts += 1
            return mail


async def postpone_mail(mail: PasswordMail, until: datetime) -> None:
    await PasswordMail.filter(id=mail.id).update(due_at=until)


async def delete_mail(mail: PasswordMail) -> None:
    await PasswordMail.filter(id=mail.id).delete()


async def find_link(digest: str) -> PasswordLink | None:
    """Return the link with this digest of its token, with its employee."""
    return await PasswordLink.get_or_none(digest=digest).select_related("employee")
