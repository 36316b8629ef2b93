from __future__ import annotations

import re

import pytest

from domain.auth.password_links import LINK_LIFETIMES, LinkPurpose
from domain.i18n.account_messages import format_link_mail

DETAILS = {"company": "Acme {x}", "email": "ann@example.com", "link": "https://example.com/password#token=slp_1"}


@pytest.mark.parametrize("purpose", LinkPurpose)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_mail_names_company_address_and_link(purpose: LinkPurpose, language: str) -> None:
    title, text = format_link_mail(purpose, language, **DETAILS)

    assert DETAILS["company"] in title
    assert DETAILS["email"] in text
    assert DETAILS["link"] in text.split()
    assert bool(re.search("[а-яё]", title)) is bool(re.search("[а-яё]", text)) is (language == "ru")


def test_other_languages_are_answered_in_english() -> None:
    assert format_link_mail(LinkPurpose.RESET, "fr", **DETAILS) == format_link_mail(LinkPurpose.RESET, "en", **DETAILS)


def test_mail_states_how_long_the_link_is_valid() -> None:
    assert LINK_LIFETIMES[LinkPurpose.INVITATION].days == 7
    assert "for 7 days" in format_link_mail(LinkPurpose.INVITATION, "en", **DETAILS)[1]
    assert LINK_LIFETIMES[LinkPurpose.RESET].total_seconds() == 3600
    assert "for one hour" in format_link_mail(LinkPurpose.RESET, "en", **DETAILS)[1]
