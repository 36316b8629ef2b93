"""The verdict on a scene, and the table of verdicts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from faults.auditor import AuditFindings
from faults.journal import CONNECTION_LOST

MAX_DETAILS: Final = 5  # of lost, doubled, invented and disordered things, in words
TOLERATED_CODES: Final = frozenset({CONNECTION_LOST})

_COLUMNS: Final = (
    "scene", "writes", "lost", "doubled", "phantom", "out of order", "converged", "slowest answer", "codes", "result",
)  # fmt: skip


@dataclass
class Verdict:
    """The result of one scene.

    allowed_codes        error codes that clients may see in this scene
    writes, unanswered   numbers of writes that were acknowledged, and that were not although they were repeated
    converge_seconds     from the end of the fault until all watchers had the state of the database; None: never
    faults               what else went wrong, in words
    """

    scene: str
    allowed_codes: Collection[str]
    writes: int = 0
    unanswered: int = 0
    findings: AuditFindings = field(default_factory=AuditFindings)
    converge_seconds: float | None = None
    max_converge_seconds: float = 0.0
    slowest_answer: float = 0.0
    codes: dict[str, int] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def unexpected_codes(self) -> list[str]:
        return sorted(self.codes.keys() - TOLERATED_CODES - set(self.allowed_codes))

    def list_faults(self) -> list[str]:
        """Return everything that is wrong, a sentence each."""
        faults = [*self.findings.details[:MAX_DETAILS], *self.faults]
        faults += [f"{code}: {self.messages.get(code, '')}" for code in self.unexpected_codes]
        if self.unanswered:
            faults.append(f"{self.unanswered} writes were never acknowledged.")
        if self.converge_seconds is None:
            faults.append("The watchers did not reach the state of the database.")
        elif self.converge_seconds > self.max_converge_seconds:
            faults.append(
                f"The watchers took {self.converge_seconds:.1f} s, more than {self.max_converge_seconds:.0f} s, to converge."
            )
        return faults

    @property
    def is_passed(self) -> bool:
        return self.findings.is_clean and not self.list_faults()

    def summary(self) -> str:
        """Return a line about the scene."""
        findings = self.findings
        converged = (
            "never converged" if self.converge_seconds is None else f"converged in {self.converge_seconds:.1f} s"
        )
        return (
            f"{'passed' if self.is_passed else 'FAILED'}: {self.writes} writes, {findings.lost} lost,"
            f" {findings.doubled} doubled, {findings.phantom} phantom, {findings.out_of_order} out of order, {converged}"
        )

    def cells(self) -> tuple[str, ...]:
        findings = self.findings
        return (
            self.scene,
            str(self.writes),
            *(str(n) for n in (findings.lost, findings.doubled, findings.phantom, findings.out_of_order)),
            "never" if self.converge_seconds is None else f"{self.converge_seconds:.1f} s",
            f"{self.slowest_answer:.1f} s",
            ", ".join(f"{code} {count}" for code, count in sorted(self.codes.items())) or "none",
            "passed" if self.is_passed else "FAILED",
        )


def format_table(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as a table in Markdown, with columns of equal width."""
    rows = [_COLUMNS, *(verdict.cells() for verdict in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
