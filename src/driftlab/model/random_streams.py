"""Counter-based dice: every draw is a pure function of who draws, when and what for.

There is no generator with a state that could be advanced in another order by
another engine. A *stream* is a 64-bit key made from (seed, run, process,
purpose); draw number `tick` of a stream is one keyed mixing of that number. A
real run and a simulated one therefore throw the same dice, whatever order the
work is done in.

The mixing is the SplitMix64 output function of Steele, Lea and Flood, "Fast
Splittable Pseudorandom Number Generators" (OOPSLA 2014, section 3, variant
"Mix13" of David Stafford). Using a generator as a function of a counter
follows Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
Good for experiments, not for secrets.

These functions are also compiled, with every number a 64-bit word: no number
of theirs is below zero, and what stands beside a word in a sum or a product
is a word too.

Who draws tick after tick gets a block of draws at once: the same mixing, of
many words that lie side by side in one long number.
"""

from enum import IntEnum
from struct import Struct
from typing import Final

WORD_BITS: Final = 64
DIE_BITS: Final = 40  # of a word; 40 bits times 2**23 peers still fit a signed 64-bit number
_MASK: Final = (1 << WORD_BITS) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd: a Weyl sequence of full period
BLOCK_WORDS: Final = 32  # more would hardly be faster, and take memory for every process
_LANE_BITS: Final = 2 * WORD_BITS  # a word, and above it room for its products
_LANES: Final = tuple(1 << lane * _LANE_BITS for lane in range(BLOCK_WORDS))
_ONE_PER_LANE: Final = sum(_LANES)  # a word times this has the word in every lane
_MASK_PER_LANE: Final = _MASK * _ONE_PER_LANE
_STEPS: Final = sum(((lane + 1) * _GOLDEN & _MASK) * one for lane, one in enumerate(_LANES))
_WORD_PER_LANE: Final = Struct("<" + "Q8x" * BLOCK_WORDS)


class Purpose(IntEnum):
    """What a draw decides. Two purposes never share a word. The numbers are for ever."""

    RATE = 1
    PHASE = 2
    DIE = 3
    LATENCY = 4
    TOPOLOGY = 5


def mix(word: int) -> int:
    """Scramble one 64-bit word into another; a bijection on 0 .. 2**64 - 1."""
    return mix_lanes(word, _MASK)


def mix_lanes(words: int, mask: int) -> int:
    """Scramble each word of a number; `mask` has its 64 ones wherever a word lies."""
    words = ((words ^ (words >> 30 & mask)) * 0xBF58476D1CE4E5B9) & mask
    words = ((words ^ (words >> 27 & mask)) * 0x94D049BB133111EB) & mask
    return words ^ (words >> 31 & mask)


def stream(seed: int, run: int, process: int, purpose: Purpose) -> int:
    """Return the 64-bit key of one stream of draws.

    `seed`, `run` and `process` (an index from 0) are whole numbers from 0 to 2**64 - 1.
    """
    key = mix(_GOLDEN ^ seed)
    for word in (run, process, purpose):
        key = mix(((key + _GOLDEN) & _MASK) ^ word)
    return key


def draw(key: int, tick: int) -> int:
    """Return draw number `tick` (from 0) of the stream `key`: a word, uniform in 0 .. 2**64 - 1."""
    return mix((key + _GOLDEN + tick * _GOLDEN) & _MASK)


def draw_block(key: int, first: int) -> tuple[int, ...]:
    """Return draws number `first` to `first + BLOCK_WORDS - 1`, in a fourth of the time each."""
    words = (((key + first * _GOLDEN) & _MASK) * _ONE_PER_LANE + _STEPS) & _MASK_PER_LANE
    return _WORD_PER_LANE.unpack(
        mix_lanes(words, _MASK_PER_LANE).to_bytes(_WORD_PER_LANE.size, "little")
    )


def uniform_below(word: int, bound: int) -> int:
    """Scale a 64-bit word to a whole number in 0 .. bound - 1 (bias below bound / 2**64)."""
    return mul_high(word, bound)


def mul_high(one: int, other: int) -> int:
    """Return the upper word of a product: what a machine's multiplication puts beside the lower."""
    return one * other >> WORD_BITS
