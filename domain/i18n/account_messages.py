"""Mails with a one-time link, by language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.auth.password_links import LinkPurpose
from domain.i18n.languages import get_language
from domain.messages import gettext_noop


class _MailTemplate(NamedTuple):
    title: str
    text: str


_MAILS: Final[Mapping[LinkPurpose, _MailTemplate]] = {
    LinkPurpose.INVITATION: _MailTemplate(
        gettext_noop("{company}: your account in Scoreline"),
        gettext_noop(
            "{company} has created an account for you in Scoreline. Choose your password here:\n\n{link}\n\n"
            "The link works once, for 7 days. Then sign in with {email} and your password."
        ),
    ),
    LinkPurpose.RESET: _MailTemplate(
        gettext_noop("{company}: a new password for Scoreline"),
        gettext_noop(
            "A new password was requested for your account in Scoreline. Choose it here:\n\n{link}\n\n"
            "The link works once, for one hour. Then sign in with {email} and your password. "
            "If you did not request it, ignore this mail: your password stays as it is."
        ),
    ),
}


def format_link_mail(purpose: LinkPurpose, language: str, *, company: str, email: str, link: str) -> tuple[str, str]:
    """Return title and text of the mail with a link."""
    names, template = get_language(language), _MAILS[purpose]
    title, text = names.text(template.title), names.text(template.text)
    return title.format(company=company), text.format(company=company, email=email, link=link)
