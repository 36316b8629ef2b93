"""Reads GraphQL multipart requests: an operation with files, which are written to temporary files as they arrive.

By the GraphQL multipart request specification, the part `operations` has the request with null in the place of each
file, the part `map` says at which paths of it each file stands, and the files follow.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Final, Protocol, TypeGuard

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from domain.messages import Message
from models.db.errors import StorageFull
from resolvers.request.import_files import UploadedFile
from server.requests.request_parsing import BadRequest, GraphQLRequest, parse_json, parse_request

MAX_FILES: Final = 20
_MAX_STEM_BYTES: Final = 150  # with the longest suffix, less than the 255 bytes that a file system allows for a name
_MAX_SUFFIX_LENGTH: Final = 20
_MAX_PATHS: Final = 100
_UNSAFE_CHARACTERS: Final = re.compile(r"[^\w .,()+@=\[\]-]")
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass
class UploadFolder:
    """The temporary folder with the files of one request."""

    path: Path
    files: list[UploadedFile] = field(default_factory=list)

    async def clean_up(self) -> None:
        """Delete the folder, unless an import still reads its files."""
        if not any(file.is_in_use for file in self.files):
            await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)


class _Digest(Protocol):
    """A hash of hashlib."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


@dataclass
class _Part:
    """The part of the body that is being read; its text is that of a part without a file."""

    headers: dict[str, bytes] = field(default_factory=dict)
    name: str = ""
    text: bytearray = field(default_factory=bytearray)
    file: IO[bytes] | None = None
    digest: _Digest = field(default_factory=hashlib.sha256)


class MultipartReader:
    """Reads one multipart request.

    folder           the temporary folder for the files
    max_text_bytes   of `operations` and of `map`
    max_bytes        of all files together
    check_request    called with the request before its first file is accepted; raises if it may have no files
    """

    def __init__(
        self,
        boundary: bytes,
        folder: UploadFolder,
        *,
        max_text_bytes: int,
        max_bytes: int,
        check_request: Callable[[GraphQLRequest], None],
    ) -> None:
        self._folder, self._max_text_bytes, self._max_bytes = folder, max_text_bytes, max_bytes
        self._check_request = check_request
        self._part, self._header_name, self._header_value = _Part(), b"", b""
        self._texts: dict[str, bytes] = {}
        self._request: GraphQLRequest | None = None
        self._paths: dict[str, list[str]] = {}  # by name of the part with the file
        self._files: dict[str, UploadedFile] = {}
        self._size, self._is_complete = 0, False
        self._file_actions: list[Callable[[], object]] = []  # run in a thread, as a disk may be slow
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_begin": self._on_header_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    async def read(self, chunks: AsyncIterator[bytes]) -> GraphQLRequest:
        """Return the request with its files in the places of their nulls. Raises BadRequest and StorageFull."""
        try:
            async for chunk in chunks:
                self._parser.write(chunk)
                if self._file_actions:
                    await asyncio.to_thread(self._run_file_actions)
        except MultipartParseError as error:
            raise _bad_request(Message("its parts cannot be told apart.")) from error
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise StorageFull("There is no room for an uploaded file.") from error
            raise
        finally:
            if self._part.file is not None:
                self._part.file.close()
        if not self._is_complete:
            raise _bad_request(Message("its end is missing."))
        if self._request is None:
            raise _bad_request(Message("it needs the parts `operations` and `map`, and at least one file."))
        if missing := self._paths.keys() - self._files.keys():
            raise _bad_request(
                Message("there is no part `{name}`, which `map` names.", {"name": _printable(min(missing))})
            )
        return replace(self._request, variables=_fill_in(self._request.variables or {}, self._paths, self._files))

    # callbacks of the parser

    def _on_part_begin(self) -> None:
        self._part = _Part()

    def _on_header_begin(self) -> None:
        self._header_name = self._header_value = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._part.headers[self._header_name.decode("latin-1").lower()] = self._header_value

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._part.headers.get("content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise _bad_request(Message("each part has a `Content-Disposition: form-data` with a name."))
        self._part.name = options[b"name"].decode("utf-8", "replace")
        if self._part.name in ("operations", "map"):
            if self._part.name in self._texts or self._request is not None:
                raise _bad_request(Message("`{name}` is there twice.", {"name": self._part.name}))
            return
        if self._request is None:
            self._begin_files()
        if self._part.name not in self._paths:
            raise _bad_request(Message("the part `{name}` is not in `map`.", {"name": _printable(self._part.name)}))
        name = clean_file_name(options.get(b"filename", b"").decode("utf-8", "replace"))
        path = self._folder.path / name
        if path.exists():
            raise _bad_request(Message("two files have the same name, or one is there twice."))
        self._part.file = path.open("xb")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part, size = self._part, end - start
        if part.file is None:
            if len(part.text) + size > self._max_text_bytes:
                raise BadRequest("`operations` and `map` have at most {most} bytes.", 413, most=self._max_text_bytes)
            part.text += data[start:end]
            return
        self._size += size
        if self._size > self._max_bytes:
            raise BadRequest("Files have at most {most} bytes together.", 413, most=self._max_bytes)
        self._file_actions += [partial(part.file.write, data[start:end]), partial(part.digest.update, data[start:end])]

    def _on_part_end(self) -> None:
        part = self._part
        if part.file is None:
            self._texts[part.name] = bytes(part.text)
            return
        self._file_actions.append(partial(self._finish_file, part))

    def _run_file_actions(self) -> None:
        for action in self._file_actions:
            action()
        self._file_actions.clear()

    def _finish_file(self, part: _Part) -> None:
        assert part.file is not None
        part.file.close()
        file = UploadedFile(Path(part.file.name), part.digest.hexdigest())
        self._files[part.name] = file
        self._folder.files.append(file)

    def _on_end(self) -> None:
        self._is_complete = True

    def _begin_files(self) -> None:
        """Check operation and map, before the first file."""
        if self._texts.keys() != {"operations", "map"}:
            raise _bad_request(Message("`operations` and `map` come before the files."))
        try:
            operations, paths = parse_json(self._texts["operations"]), parse_json(self._texts["map"])
        except ValueError:
            raise _bad_request(Message("`operations` and `map` are JSON.")) from None
        if isinstance(operations, list):
            raise _bad_request(Message("send one operation, not a list."))
        if not _is_file_map(paths):
            raise _bad_request(Message("`map` is an object with a list of paths for each file."))
        if len(paths) > MAX_FILES or sum(map(len, paths.values())) > _MAX_PATHS:
            raise BadRequest("A request has at most {most} files.", 413, most=MAX_FILES)
        request = parse_request(operations)
        self._check_request(request)
        self._request, self._paths = request, paths


def clean_file_name(name: str) -> str:
    """Return the last part of a file name with only characters that are safe in a path; never hidden or empty."""
    last_part = re.split(r"[/\\]", name)[-1]
    cleaned = _UNSAFE_CHARACTERS.sub("_", last_part).strip(" .")
    stem, suffix = os.path.splitext(cleaned)
    short_stem = stem.encode()[:_MAX_STEM_BYTES].decode(errors="ignore")
    return f"{short_stem}{suffix[:_MAX_SUFFIX_LENGTH]}" or "file"


def _bad_request(reason: Message) -> BadRequest:
    return BadRequest(
        "This is not a multipart request by the GraphQL multipart request specification: {reason}", reason=reason
    )


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name[:50])


def _is_file_map(paths: object) -> TypeGuard[dict[str, list[str]]]:
    return isinstance(paths, dict) and all(
        isinstance(entries, list) and entries and all(isinstance(entry, str) for entry in entries)
        for entries in paths.values()
    )


def _fill_in(
    variables: Mapping[str, object], paths: Mapping[str, list[str]], files: Mapping[str, UploadedFile]
) -> dict[str, object]:
    """Return the variables with each file at its paths. Raises BadRequest for a path that is not null there."""
    filled = dict(variables)
    root: dict[str, object] = {"variables": filled}
    for name, entries in paths.items():
        for entry in entries:
            *steps, last = entry.split(".")
            container: object = root
            for step in steps:
                container = _child(container, step)
            if not steps or _child(container, last, default=0) is not None:
                raise _bad_request(Message("each path of `map` leads to a null in the variables."))
            if isinstance(container, list):
                container[int(last)] = files[name]
            elif isinstance(container, dict):
                container[last] = files[name]
    return filled


def _child(container: object, step: str, default: object = None) -> object:
    if isinstance(container, dict):
        return container.get(step, default)
    if isinstance(container, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(container):
        return container[int(step[:9])]
    return default
