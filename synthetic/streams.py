"""One random stream per named decision and bucket of firms.

A stream depends on the seed, its name and the bucket, on nothing else: neither a new signal nor
the number of workers moves the draws of another decision.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from synthetic.config import WorldConfig


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


@dataclass(frozen=True)
class Bucket:
    """One bucket of firms in one world: what an equation needs to draw.

    Attributes
    ----------
    seed, number : int
    config : WorldConfig
    """

    seed: int
    number: int
    config: WorldConfig

    def stream(self, name: str) -> np.random.Generator:
        """Give the generator of one decision about these firms."""
        return stream(self.seed, name, self.number)
