"""Content negotiation (RFC 9110, 12): the media type of a response and its language, by weights.

Clients send few different headers, so what follows from one is cached.

A part of `Accept` or `Accept-Language` has a weight `q` from 0 to 1, by default 1. A weight of 0 excludes what it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from babel.core import negotiate_locale

from domain.i18n.languages import LANGUAGES

JSON_MEDIA_TYPE: Final = "application/json"
GRAPHQL_RESPONSE_MEDIA_TYPE: Final = "application/graphql-response+json"
MAX_HEADER_LENGTH: Final = 2_000  # of an `Accept` or `Accept-Language` header; the rest is ignored

_WEIGHT: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


@dataclass(frozen=True)
class ResponseFormat:
    """The media type of a GraphQL response, as the GraphQL-over-HTTP specification describes it.

    media_type   of a response with a 2xx status.
    error_type   of a response with another status.
    is_strict    whether an invalid document is answered by a 4xx status. With `application/json` it is answered by 200:
                 clients of this type cannot tell another body with 4xx, of a proxy for instance, from a GraphQL response.
    """

    media_type: str
    error_type: str
    is_strict: bool

    def media_type_of(self, status: int) -> str:
        return self.media_type if 200 <= status < 300 else self.error_type


JSON_FORMAT: Final = ResponseFormat(JSON_MEDIA_TYPE, JSON_MEDIA_TYPE, is_strict=False)
GRAPHQL_FORMAT: Final = ResponseFormat(GRAPHQL_RESPONSE_MEDIA_TYPE, GRAPHQL_RESPONSE_MEDIA_TYPE, is_strict=True)
# For a client that leaves the choice to the server: statuses as with the type of GraphQL, and the plain type for data.
SERVER_CHOICE: Final = ResponseFormat(JSON_MEDIA_TYPE, GRAPHQL_RESPONSE_MEDIA_TYPE, is_strict=True)


def _parse_weights(header: str) -> Iterator[tuple[str, float]]:
    """Yield the parts of a header with their weights, in lower case; skip parts with an invalid weight."""
    for part in header[:MAX_HEADER_LENGTH].lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        weights = [
            value.strip() for key, _, value in (text.partition("=") for text in parameters) if key.strip() == "q"
        ]
        if name and all(_WEIGHT.fullmatch(weight) for weight in weights):
            yield name, float(weights[0]) if weights else 1.0


def media_type_weight(accept: str, media_type: str) -> float:
    """Return the weight of a media type by an `Accept` header: that of the most specific range that matches it."""
    weights = dict(_parse_weights(accept))
    for media_range in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if media_range in weights:
            return weights[media_range]
    return 0.0


@lru_cache(maxsize=256)
def negotiate_response_format(accept: str) -> ResponseFormat | None:
    """Return the format of a GraphQL response by an `Accept` header; None if no format is acceptable.

    Of two types with the same weight, the first one wins. If neither is named, the client leaves the choice to the server.
    """
    named_types = [name for name, _ in _parse_weights(accept)]
    formats = {JSON_MEDIA_TYPE: JSON_FORMAT, GRAPHQL_RESPONSE_MEDIA_TYPE: GRAPHQL_FORMAT}
    if not accept.strip():
        return SERVER_CHOICE
    weights = {media_type: media_type_weight(accept, media_type) for media_type in formats}
    acceptable_types = [media_type for media_type in formats if weights[media_type] > 0]
    if not acceptable_types:
        return None
    if not set(formats) & set(named_types):
        return SERVER_CHOICE
    best_weight = max(weights.values())
    best_types = [media_type for media_type in acceptable_types if weights[media_type] == best_weight]
    return formats[
        min(best_types, key=lambda name: named_types.index(name) if name in named_types else len(named_types))
    ]


@lru_cache(maxsize=256)
def negotiate_language(accept_language: str) -> str:
    """Return the code of the supported language that an `Accept-Language` header prefers; "" for none.

    Of several with the same weight it is the first one.
    """
    weights = [(name, weight) for name, weight in _parse_weights(accept_language) if weight]
    preferred = [name for name, _ in sorted(weights, key=lambda item: -item[1])]
    return negotiate_locale(preferred, LANGUAGES, sep="-") or ""
