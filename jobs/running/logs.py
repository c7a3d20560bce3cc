"""A run's log in the database: its first lines and its last lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import F

from hubsite.compiled_queries import CompiledQuery
from hubsite.engines.facts import LogChunk

from ..models import Job, JobLog

HEAD_LINES = 2000
TAIL_LINES = 5000
MOST_LINES = HEAD_LINES + TAIL_LINES
MAX_LINE_LENGTH = 2000
OUTPUT_LINES = 500
"""The number of last lines in the `output` of an ended job."""


def append(job_pk: int, chunks: Iterable[LogChunk]) -> None:
    """Store `chunks`; lines that are stored already are skipped."""
    newest = 0
    for chunk in chunks:
        lines = [line.replace("\0", "")[:MAX_LINE_LENGTH] for line in chunk.lines]
        if not lines:
            continue
        JobLog.objects.bulk_create(
            [
                JobLog(
                    job_id=job_pk,
                    first_line=chunk.first_line,
                    line_count=len(lines),
                    text="\n".join(lines),
                )
            ],
            ignore_conflicts=True,
        )
        newest = max(newest, chunk.first_line + len(lines))
    if newest > MOST_LINES:
        (
            JobLog.objects.filter(job_id=job_pk, first_line__gte=HEAD_LINES)
            .annotate(end=F("first_line") + F("line_count"))
            .filter(end__lt=newest - TAIL_LINES)
            .delete()
        )


def has_any(job: Job) -> bool:
    """Whether any line of the run's log is stored."""
    return JobLog.objects.filter(job=job).exists()


def count_of(job: Job) -> int:
    """How many lines the run has printed, also those that were not kept; 0 if none is stored."""
    chunks = JobLog.objects.filter(job=job).order_by("-first_line")
    last = chunks.values_list("first_line", "line_count").first()
    return sum(last) if last else 0


def last_before(job: Job, number: int) -> int:
    """The number of the last stored line before this one; -1 if there is none."""
    chunks = JobLog.objects.filter(job=job, first_line__lt=number).order_by("-first_line")
    found = chunks.values_list("first_line", "line_count").first()
    return min(sum(found), number) - 1 if found else -1


def append_missing(job: Job, chunks: Sequence[LogChunk]) -> None:
    """Store those lines of `chunks` that no callback has brought."""
    have = list(JobLog.objects.filter(job=job).values_list("first_line", "line_count"))
    append(job.pk, (piece for chunk in chunks for piece in _without(chunk, have)))


def _without(chunk: LogChunk, have: Sequence[tuple[int, int]]) -> Iterable[LogChunk]:
    """The parts of `chunk` outside the line ranges (first, count) in `have`."""
    known = {line for first, count in have for line in range(first, first + count)}
    piece: list[str] = []
    start = chunk.first_line
    for number, line in enumerate(chunk.lines, chunk.first_line):
        if number in known:
            if piece:
                yield LogChunk(start, piece)
            piece, start = [], number + 1
        else:
            piece.append(line)
    if piece:
        yield LogChunk(start, piece)


def lines_from(job: Job, offset: int, limit: int) -> list[tuple[int, str]]:
    """Up to `limit` stored lines from number `offset` on, each with its number."""
    found: list[tuple[int, str]] = []
    chunks = (
        JobLog.objects.filter(job=job)
        .annotate(end=F("first_line") + F("line_count"))
        .filter(end__gt=offset)
        .order_by("first_line")
    )
    for chunk in chunks.iterator(chunk_size=20):
        for number, line in enumerate(chunk.text.split("\n"), chunk.first_line):
            if number >= offset:
                found.append((number, line))
                if len(found) == limit:
                    return found
    return found


_NEWEST_CHUNKS = CompiledQuery(
    lambda job_id: (
        JobLog.objects.filter(job_id=job_id).order_by("-first_line").values_list("text", flat=True)
    ),
    job_id=-1,
)


def end_of(job: Job, limit: int) -> list[tuple[int, str]]:
    """The last `limit` stored lines, each with its number, in their order. One statement."""
    found: list[tuple[int, str]] = []
    chunks = JobLog.objects.filter(job=job).order_by("-first_line")
    for first, text in chunks.values_list("first_line", "text").iterator(chunk_size=20):
        found = [*enumerate(text.split("\n"), first), *found]
        if len(found) >= limit:
            break
    return found[-limit:]


def last_lines(job: Job, limit: int = OUTPUT_LINES) -> list[str]:
    """The last `limit` lines of the run's log."""
    chunks: list[list[str]] = []
    count = 0
    for (text,) in _NEWEST_CHUNKS.rows(job_id=job.pk):
        chunks.append(text.split("\n"))
        count += len(chunks[-1])
        if count >= limit:
            break
    lines = [line for chunk in reversed(chunks) for line in chunk]
    return lines[-limit:]
