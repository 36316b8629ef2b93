"""Mails with a one-time link, in English and Russian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.auth.password_links import LinkPurpose


class _MailTemplate(NamedTuple):
    title: str
    text: str


_ENGLISH: Final[Mapping[LinkPurpose, _MailTemplate]] = {
    LinkPurpose.INVITATION: _MailTemplate(
        "{company}: your account in Scoreline",
        "{company} has created an account for you in Scoreline. Choose your password here:\n\n{link}\n\n"
        "The link works once, for 7 days. Then sign in with {email} and your password.",
    ),
    LinkPurpose.RESET: _MailTemplate(
        "{company}: a new password for Scoreline",
        "A new password was requested for your account in Scoreline. Choose it here:\n\n{link}\n\n"
        "The link works once, for one hour. Then sign in with {email} and your password. "
        "If you did not request it, ignore this mail: your password stays as it is.",
    ),
}
_RUSSIAN: Final[Mapping[LinkPurpose, _MailTemplate]] = {
    LinkPurpose.INVITATION: _MailTemplate(
        "{company}: ваша учётная запись в Scoreline",
        "{company} создала для вас учётную запись в Scoreline. Задайте пароль здесь:\n\n{link}\n\n"
        "Ссылка сработает один раз, в течение 7 дней. Затем входите с адресом {email} и своим паролем.",
    ),
    LinkPurpose.RESET: _MailTemplate(
        "{company}: новый пароль для Scoreline",
        "Для вашей учётной записи в Scoreline запрошен новый пароль. Задайте его здесь:\n\n{link}\n\n"
        "Ссылка сработает один раз, в течение часа. Затем входите с адресом {email} и своим паролем. "
        "Если вы этого не просили, ничего не делайте: пароль останется прежним.",
    ),
}


def format_link_mail(purpose: LinkPurpose, language: str, *, company: str, email: str, link: str) -> tuple[str, str]:
    """Return title and text of the mail with a link. Any language but "ru" is answered in English."""
    template = (_RUSSIAN if language == "ru" else _ENGLISH)[purpose]
    return template.title.format(company=company), template.text.format(company=company, email=email, link=link)
