"""Lists of any length in statements of few lengths, so that their texts stay few and prepared. No table is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from webapp.store.database import marks

#: Rows of one statement; shorter lists are filled up.
SIZES = (64, 512)


def with_values(shape: str, count: int, width: int) -> str:
    """`WITH shape AS (VALUES …)` for `count` rows of `width` whole numbers."""
    # The cast names the types, which PostgreSQL cannot tell from the parameters of a VALUES list.
    first = "(" + ",".join(["CAST(? AS BIGINT)"] * width) + ")"
    rest = f",({marks(width)})" * (count - 1)
    return f"WITH {shape} AS (VALUES {first}{rest})"


def parts(rows: Sequence[tuple[int, ...]]) -> Iterable[tuple[int, Sequence[tuple[int, ...]]]]:
    """Parts of a list with the size of the statement for each; an empty list is asked for too (T61)."""
    largest = SIZES[-1]
    for start in range(0, max(1, len(rows)), largest):
        part = rows[start : start + largest]
        yield next(size for size in SIZES if len(part) <= size), part


def flat(part: Sequence[tuple[int, ...]], size: int, nobody: tuple[int, ...]) -> list[int]:
    """The parameters of a part, filled up with rows of `nobody`."""
    made = [value for row in part for value in row]
    return made + list(nobody) * (size - len(part))


def unnested(kinds: Sequence[str]) -> str:
    """`unnest(…)` of one list for each column, on PostgreSQL: many rows in one statement."""
    return f"unnest({', '.join(f'CAST(? AS {kind}[])' for kind in kinds)})"


def turned(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """The columns of rows (at least one), as the parameters of `unnested`."""
    return [list(column) for column in zip(*rows, strict=True)]


def padded(ids: Sequence[int]) -> Iterable[tuple[str, tuple[int, ...]]]:
    """(marks, values) for IN lists of these ids; 0 stands for nobody."""
    for size, part in parts([(number,) for number in ids]):
        yield marks(size), tuple(flat(part, size, (0,)))
