"""Client information of a request or socket before authentication."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_IPV4_NETWORK_BITS: Final = 24
_IPV6_NETWORK_BITS: Final = 64  # a client usually has a whole network of this size


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Client information.

    token       bearer token; None for a client that is not signed in
    language    code of a language of `LANGUAGES`; empty if the client states none: then the viewer's profile decides
    address     IP address of the client, for rate limits
    request_id  id of the HTTP request or operation, for errors and logs
    """

    token: str | None = None
    language: str = ""
    address: str = ""
    request_id: str = ""

    @property
    def network(self) -> str:
        """The network of the address, under which attempts are counted: its /24, or its /64 of IPv6."""
        return _cut_address(self.address, _IPV4_NETWORK_BITS)

    @property
    def host(self) -> str:
        """The address without what a client can choose of it: all of it, or its /64 of IPv6."""
        return _cut_address(self.address, 32)


@lru_cache(maxsize=1024)
def _cut_address(text: str, ipv4_bits: int) -> str:
    """Return the network of an address; other texts, of the scheduler or a command, as they are."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(address), _IPV6_NETWORK_BITS), strict=False))
        address = address.ipv4_mapped
    return str(ipaddress.IPv4Network((int(address), ipv4_bits), strict=False))
