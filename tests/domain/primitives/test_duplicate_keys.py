"""Keys of phone numbers and names by which duplicates are found."""

from __future__ import annotations

import pytest

from domain.primitives.duplicate_keys import name_key, phone_key


@pytest.mark.parametrize(
    "texts",
    [
        (
            "+7 (916) 123-45-67",
            "8 916 1234567 доб. 12",
            "9161234567",
            "tel. 007 916 123 45 67",
            "8 (916) 123.45.67, 8 495 1",
        ),
        ("+49 170 1234567", "0170 1234567", "0049 170 1234567 ext 5"),
        ("+1 212 555 0100", "(212) 555-0100 #7", "212\u2011555\u20110100"),
        ("12-34-56", "123456"),
    ],
)
def test_phone_numbers_of_one_line_have_one_key(texts: tuple[str, ...]) -> None:
    assert len({phone_key(text) for text in texts}) == 1
    assert phone_key(texts[0]) is not None


@pytest.mark.parametrize("text", [None, "", "123", "доб. 12345", "0000000000", "ask Ann"])
def test_text_without_a_number_has_no_phone_key(text: str | None) -> None:
    assert phone_key(text) is None


@pytest.mark.parametrize(
    "names",
    [
        ("ООО «Ромашка»", "ромашка, ооо", "Ромашка", 'АО "РОМАШКА"'),
        ("Foo-Bar L.L.C.", "foobar llc", "Foo Bar, Inc.", "FOO  BAR"),
        ("Müller GmbH & Co. KG", "MÜLLER", "Müller"),
        ("Артём Королёв", "артем королев"),
        ("O'Neill", "ONeill", "O’Neill"),
        ("ООО", "ооо"),
    ],
)
def test_names_of_one_company_have_one_key(names: tuple[str, ...]) -> None:
    assert len({name_key(name) for name in names}) == 1
    assert name_key(names[0])


def test_different_names_have_different_keys() -> None:
    names = ("Ромашка", "Ромашка 2", "Муллер", "Müller", "Globex", "Cobalt Company", "Inc")
    assert len({name_key(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", [None, "", "!!", "—"])
def test_name_without_letters_has_no_key(name: str | None) -> None:
    assert name_key(name) is None


def test_key_of_a_long_name_fits_its_column() -> None:
    assert len(name_key("x" * 800) or "") == 400
