"""The texts of a workbook, which its cells refer to by number, kept in a temporary file instead of in memory."""

from __future__ import annotations

import tempfile
from array import array
from collections import OrderedDict
from typing import IO, Final

from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

_STRING_TAG: Final = f"{{{SHEET_MAIN_NS}}}si"
_CACHED_STRINGS: Final = 10_000


class SharedStrings:
    """The texts by their number. A number and the last texts are in memory: 8 bytes for each text of the workbook."""

    def __init__(self, source: IO[bytes]) -> None:
        self._file = tempfile.TemporaryFile(prefix="import-")  # noqa: SIM115 (closed with the workbook)
        self._ends = array("Q", [0])
        self._cache: OrderedDict[int, str] = OrderedDict()
        events = iterparse(source, events=("start", "end"))
        _, root = next(events)
        for event, node in events:
            if event == "end" and node.tag == _STRING_TAG:
                text = str(Text.from_tree(node).content).replace("x005F_", "").encode("utf-8", "surrogatepass")
                self._file.write(text)
                self._ends.append(self._ends[-1] + len(text))
                root.clear()  # else the elements of all texts stay in memory

    def __getitem__(self, number: int) -> str:
        text = self._cache.get(number)
        if text is None:
            begin, end = self._ends[number], self._ends[number + 1]
            self._file.seek(begin)
            text = self._file.read(end - begin).decode("utf-8", "surrogatepass")
            self._cache[number] = text
            if len(self._cache) > _CACHED_STRINGS:
                self._cache.popitem(last=False)
        return text

    def close(self) -> None:
        self._file.close()


class StreamingReader(ExcelReader):  # type: ignore[misc] # openpyxl has no types
    """Opens a workbook for reading row by row, in memory that does not grow with it."""

    def __init__(self, source: IO[bytes], *, data_only: bool) -> None:
        super().__init__(source, read_only=True, data_only=data_only, keep_links=False)

    def read_strings(self) -> None:
        part = self.package.find(SHARED_STRINGS)
        if part is not None:
            with self.archive.open(part.PartName[1:]) as source:
                self.shared_strings = SharedStrings(source)

    def close(self) -> None:
        if isinstance(self.shared_strings, SharedStrings):
            self.shared_strings.close()
        self.archive.close()
