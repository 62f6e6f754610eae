"""What goes into a file: an answer, and what is said of it beside its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adjoin.analytics.addresses import question_text
from adjoin.analytics.v1 import Answer, Definitions

__all__ = ["Export", "FileKind"]


class FileKind(StrEnum):
    """The formats, by the ending of a file's name."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    FileKind.CSV: "text/csv; charset=utf-8",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileKind.PARQUET: "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An answer, what its metrics mean, and when it was given; `as_of` is the instant whose figures these are.

    `definitions` are those of the workspace; `as_of` is None for the figures of `made_at`. Both instants are aware.
    """

    answer: Answer
    definitions: Definitions
    made_at: datetime
    as_of: datetime | None = None

    def about(self) -> dict[str, str]:
        """Return what a reader must know beside the rows, by name; without what there is not."""
        answer = self.answer
        question = answer.question
        told = {
            "question": question_text(question),
            "days": f"{question.since} to {question.until}",
            "compared with": "" if answer.compared is None else f"{answer.compared[0]} to {answer.compared[1]}",
            "currency": answer.currency or "",
            "rows": str(answer.rows.num_rows),
            "as of": (self.as_of or self.made_at).isoformat(timespec="seconds"),
            "made at": self.made_at.isoformat(timespec="seconds"),
            "may still change": ", ".join(
                f"{platform} since {day}" for platform, day in sorted(answer.changing_since.items())
            ),
        }
        if answer.total_rows > answer.rows.num_rows:
            told["rows"] = f"{answer.rows.num_rows} of {answer.total_rows}"
        return {name: text for name, text in told.items() if text}
