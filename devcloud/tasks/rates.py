"""Limits the rate of a queue by a token bucket."""

from __future__ import annotations


class TokenBucket:
    """A bucket that gains `rate` tokens a second up to `burst`; it starts full."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._filled_at = float(burst), now

    def adjust(self, rate: float, burst: int, now: float) -> None:
        """Change the rate from now on."""
        self._fill(now)
        self._rate, self._burst = rate, burst
        self._tokens = min(self._tokens, float(burst))

    def available(self, now: float) -> int:
        """Whole tokens in the bucket."""
        self._fill(now)
        return int(self._tokens)

    def take(self, count: int) -> None:
        """Use up tokens that are available."""
        self._tokens -= count

    def next_at(self, now: float) -> float:
        """The time at which a token is available; `now` if one is."""
        self._fill(now)
        return now if self._tokens >= 1 else now + (1 - self._tokens) / self._rate

    def _fill(self, now: float) -> None:
        elapsed = max(0.0, now - self._filled_at)
        # Rounded, so that there is a token at `next_at` in spite of the rounding of floats.
        self._tokens = min(float(self._burst), round(self._tokens + elapsed * self._rate, 6))
        self._filled_at = now
