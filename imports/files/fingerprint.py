"""Fingerprint of a file, by which a change while it is read is noticed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from imports.files.source_row import ImportFileError

_HEAD_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class FileFingerprint:
    """Size, times and identity of a file, and a hash of its first 64 KiB."""

    path: Path
    size: int
    modified_at: int  # nanoseconds
    identity: tuple[int, int]  # device and inode: another file of the same name is another file
    head_hash: bytes

    @classmethod
    def take(cls, path: Path) -> Self:
        """Return the fingerprint of the file as it is now. Raises ImportFileError if it cannot be read."""
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                head_hash = hashlib.sha256(file.read(_HEAD_BYTES)).digest()
        except OSError as error:
            raise ImportFileError(
                "{file} cannot be read ({reason}).", file=path.name, reason=error.strerror or str(error)
            ) from error
        return cls(path, status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino), head_hash)

    def check(self) -> None:
        """Raise ImportFileError if size, time or identity of the file have changed. Takes microseconds."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise self._changed() from error
        current = (status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino))
        if current != (self.size, self.modified_at, self.identity):
            raise self._changed()

    def check_with_head(self) -> None:
        """Raise ImportFileError if the file has changed, also in its first 64 KiB with the old size and time."""
        self.check()
        if FileFingerprint.take(self.path) != self:
            raise self._changed()

    def _changed(self) -> ImportFileError:
        return ImportFileError(
            "{file} has changed while it was read: nothing after the rows reported so far was imported. Wait until it "
            "is complete, and import it again.",
            file=self.path.name,
        )
