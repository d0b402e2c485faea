"""Chance that is the same on every machine and for every size: draws by seed, stream and index.

A draw is a function of its index alone (SplitMix64 over a counter), so that a part of a simulation
can be made without what comes before it. Integers only: no library's generator, no floats, whose
streams and last digits differ between versions and machines.
"""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Draws = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


class Chance:
    """The draws of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def draws(self, stream: str, index: Draws) -> Draws:
        """One draw of 64 bits per index; within a stream two indexes never draw the same."""
        key = blake2b(f"{self._seed}|{stream}".encode(), digest_size=8).digest()
        with np.errstate(over="ignore"):
            state = index * _GOLDEN + np.uint64(int.from_bytes(key, "big"))
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: Draws = state ^ (state >> np.uint64(31))
        return mixed

    def below(self, stream: str, index: Draws, bound: int) -> npt.NDArray[np.int64]:
        """One whole number per index, from 0 and less than `bound`."""
        return (self.draws(stream, index) >> np.uint64(20)).astype(np.int64) % bound

    def tokens(self, stream: str, index: Draws) -> pl.Series:
        """One text of 16 hex digits per index, never the same twice within a stream."""
        octets = self.draws(stream, index).astype(">u8").view(np.uint8)
        digits = np.empty(len(octets) * 2, dtype=np.uint8)
        digits[0::2], digits[1::2] = _HEX[octets >> 4], _HEX[octets & 15]
        ends = np.arange(len(index) + 1, dtype=np.int64) * 16
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(digits)]
        text = pa.LargeStringArray.from_buffers(len(index), buffers[1], buffers[2])
        return pl.Series(stream, text, dtype=pl.String)
