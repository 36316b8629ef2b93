"""Uploads: multipart requests of administrators to the mutations that import files.

Everything is checked that can be before a file is accepted: the header against cross-site requests, the permission, the
size, and the operation. What arrives is written to a temporary folder, which is deleted after the request.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import Receive

from domain.errors.operation_errors import Throttled
from resolvers import import_jobs
from resolvers.request.client_info import ClientInfo
from server.operation_runner import OperationRunner
from server.requests.multipart_request import MultipartReader, UploadFolder
from server.requests.request_parsing import BadRequest, GraphQLRequest

MULTIPART_MEDIA_TYPE: Final = "multipart/form-data"
# A page of another origin cannot send these without a preflight request, as it could a plain multipart form.
PREFLIGHT_HEADERS: Final = ("GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Apollo-Operation-Name")
UPLOAD_MUTATIONS: Final = frozenset({"previewImport", "runImport"})
MAX_UPLOADS: Final = 4  # at the same time in one process
IDLE_SECONDS: Final = 30.0  # within which more of the body must arrive
_FOLDER_PREFIX: Final = "scoreline-upload-"


class ClientGone(Exception):
    """The client disconnected during its upload."""


class UploadReader:
    """Reads multipart requests.

    max_text_bytes  of the operation
    max_bytes       of all files of a request together
    """

    def __init__(self, operation_runner: OperationRunner, *, max_text_bytes: int, max_bytes: int) -> None:
        self._operation_runner, self._max_text_bytes, self._max_bytes = operation_runner, max_text_bytes, max_bytes
        self._upload_count = 0

    async def read_request(
        self, headers: Headers, client: ClientInfo, receive: Receive, folder: UploadFolder
    ) -> GraphQLRequest:
        """Return the request with its files, which are written to the folder.

        Raises BadRequest, Unauthenticated, ForbiddenOperation, Throttled, StorageFull, and ClientGone.
        """
        if not any(headers.get(name) for name in PREFLIGHT_HEADERS):
            raise BadRequest("Send the header `{header}` with a multipart request.", header=PREFLIGHT_HEADERS[0])
        boundary = parse_options_header(headers["content-type"])[1].get(b"boundary", b"")
        if not 0 < len(boundary) <= 70:
            raise BadRequest("The content type needs a `boundary` of at most {most} characters.", most=70)
        context = await self._operation_runner.context_factory.create_for_request(client)
        import_jobs.require_permission(context)
        size = headers.get("content-length", "0")
        if size.isdigit() and int(size) > self._max_bytes + 2 * self._max_text_bytes:
            raise BadRequest("Files have at most {most} bytes together.", 413, most=self._max_bytes)
        if self._upload_count >= MAX_UPLOADS:
            raise Throttled("Too many files are being uploaded: try again later.", retry_after_ms=5000)
        self._upload_count += 1
        try:
            reader = MultipartReader(
                boundary,
                folder,
                max_text_bytes=self._max_text_bytes,
                max_bytes=self._max_bytes,
                check_request=self._check_request,
            )
            return await reader.read(_read_chunks(receive))
        finally:
            self._upload_count -= 1

    def _check_request(self, request: GraphQLRequest) -> None:
        operation = self._operation_runner.parse_operation(request)
        if operation.kind != "mutation" or operation.field_name not in UPLOAD_MUTATIONS:
            names = ", ".join(sorted(UPLOAD_MUTATIONS))
            raise BadRequest("Only one of the mutations {names} takes files, alone in its request.", names=names)


async def _read_chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                event = await receive()
        except TimeoutError:
            raise BadRequest("The body took too long to arrive.", 408) from None
        if event["type"] == "http.disconnect":
            raise ClientGone
        if event.get("body"):
            yield event["body"]
        if not event.get("more_body", False):
            return


def create_upload_folder() -> UploadFolder:
    """Return a new temporary folder, which only this user can read. Its name has the id of this process."""
    return UploadFolder(Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-")))


def delete_abandoned_folders() -> None:
    """Delete the temporary folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*-*"):
        process_id = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        if process_id.isdigit() and not _is_running(int(process_id)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
