"""The hash of a plan's preview: whether the plan, or what its targets follow from, has changed since, and for whom.

It is a text for clients to hand back, made of a version, a digest of the input, one of all facts, and, where they are
not too many, a short digest for each owner. So a server that did not make the preview can tell which owners have moved.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from models.organization.scopes import OwnerKind, ScopeKey, scope_key

_DIGEST_BYTES: Final = 12
_OWNER: Final = struct.Struct(">cI3s")  # initial of the kind, id, digest
_MAX_OWNERS: Final = 2_000  # with digests of their own: 16 kB
_KIND_BY_INITIAL: Final = {kind.value[:1].encode(): kind for kind in OwnerKind}
assert len(_KIND_BY_INITIAL) == len(OwnerKind), "a kind needs an initial of its own"


class InvalidHash(ValueError):
    """A text that is no hash of a preview."""


@dataclass(frozen=True)
class PlanDigest:
    """Digests of what a plan follows from.

    plan      of the input, with the days of its period
    facts     of all owners together
    by_owner  of each owner; empty if they are many
    """

    plan: bytes
    facts: bytes
    by_owner: Mapping[ScopeKey, bytes]

    @classmethod
    def build(cls, plan: object, facts_by_owner: Mapping[ScopeKey, object]) -> Self:
        """Build the digest; plan and facts are values that `repr` writes alike whenever they are equal."""
        facts = hashlib.sha256()
        texts = {key: f"{key.kind}:{key.id}:{value!r}".encode() for key, value in facts_by_owner.items()}
        for key in sorted(texts, key=lambda key: (key.kind, key.id)):  # the order of the owners follows from names
            facts.update(texts[key])
        by_owner = {}
        if len(texts) <= _MAX_OWNERS:
            by_owner = {key: hashlib.sha256(text).digest()[:3] for key, text in texts.items()}
        return cls(
            hashlib.sha256(repr(plan).encode()).digest()[:_DIGEST_BYTES], facts.digest()[:_DIGEST_BYTES], by_owner
        )

    def to_text(self) -> str:
        owners = b"".join(
            _OWNER.pack(key.kind.value[:1].encode(), key.id, digest) for key, digest in self.by_owner.items()
        )
        return base64.urlsafe_b64encode(self.plan + self.facts + owners).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the text of a digest. Raises InvalidHash."""
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidHash(text) from error
        owners = data[2 * _DIGEST_BYTES :]
        if len(data) < 2 * _DIGEST_BYTES or len(owners) % _OWNER.size:
            raise InvalidHash(text)
        by_owner = {}
        for initial, owner_id, digest in _OWNER.iter_unpack(owners):
            if initial not in _KIND_BY_INITIAL:
                raise InvalidHash(text)
            by_owner[scope_key(_KIND_BY_INITIAL[initial], owner_id)] = digest
        return cls(data[:_DIGEST_BYTES], data[_DIGEST_BYTES : 2 * _DIGEST_BYTES], by_owner)

    def find_moved(self, before: PlanDigest) -> list[ScopeKey]:
        """Return the owners with facts that have changed since, new and former ones included; none where they are many."""
        keys = [*self.by_owner, *(key for key in before.by_owner if key not in self.by_owner)]
        return [key for key in keys if self.by_owner.get(key) != before.by_owner.get(key)]
