"""One random stream per named decision and bucket of firms, or per firm where data decide its use.

A stream depends on the seed, its name and the bucket, on nothing else: neither a new signal nor
the number of workers moves the draws of another decision.

Where the number of draws follows from data (a count, the lines of a list), a shared stream would
carry what happens to one firm over to all that come after it. There each firm has a stream of its
own, `Bucket.by_firm`: its records then follow from its own story alone. Days and lines come in
order of time, one kind of draw a stream, so that nothing later moves anything earlier.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from features.contract.tables import BUCKET_FIRMS
from synthetic.config.schema import WorldConfig

Rng = np.random.Generator


def stream(seed: int, name: str, bucket: int = 0) -> np.random.Generator:
    """Give the generator of one decision.

    Parameters
    ----------
    seed : int
        The world's seed.
    name : str
        The decision, such as `"electricity.noise"`.
    bucket : int
        Bucket of firms; 0 for decisions of the whole world.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    sequence = np.random.SeedSequence(
        entropy=seed, spawn_key=(int.from_bytes(digest[:4]), int.from_bytes(digest[4:]), bucket)
    )
    return np.random.Generator(np.random.SFC64(sequence))


def replay_seed(seed: int, pair: int) -> int:
    """Seed of the common paths of a replay."""
    return int(stream(seed, "replay", pair).integers(2**62))


@dataclass(frozen=True)
class Bucket:
    """One bucket of firms in one world: what an equation needs to draw.

    Attributes
    ----------
    seed, number : int
    config : WorldConfig
    round : int
        Later rounds draw other candidates for the same bucket.
    """

    seed: int
    number: int
    config: WorldConfig
    round: int = 0

    def stream(self, name: str) -> np.random.Generator:
        """Give the generator of one decision about these firms."""
        drawn = f"{name}.{self.round}" if self.round else name
        return stream(self.seed, drawn, self.number)

    def by_time(
        self,
        name: str,
        steps: tuple[int, int],
        draw: Callable[[Rng, int], Array],
        *,
        rng: Rng | None = None,
    ) -> Array:
        """Draw an array whose last axis is time: the history first, then what comes after it.

        What comes after has a stream of its own, so that the history does not depend on whether it
        goes on.

        Parameters
        ----------
        steps : pair of int
            Days or months of the history, and in all.
        draw : callable
            Draws so many steps from a generator.
        rng : numpy.random.Generator, optional
            Generator of the history; by default the decision's stream.
        """
        past, both = steps
        first = draw(self.stream(name) if rng is None else rng, past)
        if both == past:
            return first
        later = draw(self.stream(f"{name}.after"), both - past)
        return np.concatenate([first, later], axis=-1)

    def by_firm(self, name: str) -> "FirmStreams":
        """Give the generators of one decision, one for each of these firms."""
        return FirmStreams(self.stream(name))


class FirmStreams:
    """One generator for each firm of a bucket; a firm's depends on its position, not on others.

    One generator moves from seat to seat, since to make a thousand takes twenty times as long.
    Each seat is a state of SFC64 drawn at random: 192 random bits and its counter, which begins
    at 1. A second use of the same object draws the same numbers again.
    """

    def __init__(self, seats: Rng) -> None:
        """Draw the seats of a whole bucket, so that they do not depend on its number of firms."""
        self._seats = seats.bit_generator.random_raw((BUCKET_FIRMS, 4))
        self._seats[:, 3] = 1
        self._bits = np.random.SFC64(0)
        self._rng = np.random.Generator(self._bits)

    def of(self, firm: int) -> Rng:
        """Give the generator of one firm, valid until the next call."""
        self._bits.state = {
            "bit_generator": "SFC64",
            "state": {"state": self._seats[firm]},
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self._rng

    def poisson(self, mean: FloatArray) -> Array:
        """Draw counts of the means, both of shape (n_firms, n_days, ...); means of 0 cost nothing.

        Kinds of count that lie side by side in the last axis are drawn day by day.
        """
        counts = np.zeros(mean.shape, np.int64)
        for firm in _some(mean):
            counts[firm] = self.of(firm).poisson(mean[firm])
        return counts

    def binomial(self, trials: Array, chance: FloatArray) -> Array:
        """Draw successes of trials, laid out likewise; no trials cost nothing."""
        counts = np.zeros(np.broadcast_shapes(trials.shape, chance.shape), np.int64)
        for firm in _some(trials):
            counts[firm] = self.of(firm).binomial(trials[firm], chance[firm])
        return counts

    def uniform(self, sizes: Array) -> FloatArray:
        """Draw `sizes[k]` numbers for firm `k`, one firm after the other, shape (Σ sizes,)."""
        return self._lines(sizes, lambda rng, size: rng.random(size, np.float32))

    def normal(self, sizes: Array) -> FloatArray:
        """Draw the same from the standard normal distribution."""
        return self._lines(sizes, lambda rng, size: rng.standard_normal(size, np.float32))

    def exponential(self, sizes: Array) -> FloatArray:
        """Draw the same from the standard exponential distribution."""
        return self._lines(sizes, lambda rng, size: rng.standard_exponential(size, np.float32))

    def _lines(self, sizes: Array, draw: Callable[[Rng, int], FloatArray]) -> FloatArray:
        some = ((firm, size) for firm, size in enumerate(sizes.tolist()) if size)
        drawn = [draw(self.of(firm), size) for firm, size in some]
        return np.concatenate([np.empty(0, np.float32), *drawn])


def _some(values: FloatArray | Array) -> list[int]:
    """Firms with anything to draw."""
    rows: list[int] = np.flatnonzero(values.any(axis=tuple(range(1, values.ndim)))).tolist()
    return rows
