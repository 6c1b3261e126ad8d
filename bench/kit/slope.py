"""How fast a series grows, by Theil and Sen: the median slope of all pairs, which no burst and no restart can bend."""

import itertools
import statistics
from collections.abc import Sequence
from typing import Final

SAMPLES: Final = 400
"""Samples that growth is taken from at most: it looks at all pairs."""


def theil_sen(points: Sequence[tuple[float, float]]) -> float:
    """The slope (y by x) of points whose x differ.

    Raises:
        ValueError: fewer than two points differ in x, so that no slope exists.
    """
    slopes = [(later - earlier) / (b - a) for (a, earlier), (b, later) in itertools.combinations(points, 2) if a != b]
    if not slopes:
        raise ValueError(f"no slope exists of {len(points)} points: at least two must differ in x")
    return statistics.median(slopes)


def growth(samples: Sequence[tuple[float, float]]) -> float:
    """MB in 10 minutes of (seconds, MB), once a quarter of the time is over and caches are full."""
    settled = samples[len(samples) // 4 :]
    return theil_sen(settled[:: max(1, len(settled) // SAMPLES)]) * 600
