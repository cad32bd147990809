"""One random stream per named decision and bucket of firms.

A stream depends on the seed, its name and the bucket, on nothing else: neither a new signal nor
the number of workers moves the draws of another decision.
"""

import hashlib

import numpy as np


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
