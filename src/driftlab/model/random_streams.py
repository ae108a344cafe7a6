"""Counter-based random numbers: each is a pure function of who draws, when and what for.

A *stream* is a 64-bit key made from (seed, run, process, purpose). Draw number
`tick` of a stream is that number mixed with the key. There is no generator
whose state another engine could advance in another order, so a real run and a
simulation draw the same numbers whatever the order of work.

The mixing is the SplitMix64 output function of Steele, Lea and Flood, "Fast
Splittable Pseudorandom Number Generators" (OOPSLA 2014, section 3, variant
"Mix13" of David Stafford). Using a generator as a function of a counter
follows Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
Good for experiments, not for cryptography.

These functions are also compiled with unsigned 64-bit numbers, so no
intermediate result may be negative and both operands of a sum or a product
must be words.

A process that draws at nearly every tick gets its draws in blocks: the same
mixing, applied to many words that lie side by side in one long integer.
"""

import sys
from typing import Final

WORD_BITS: Final = 64
DIE_BITS: Final = 40  # of a word; their product with 2**23 peers fits a signed 64-bit number
_MASK: Final = (1 << WORD_BITS) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd: a Weyl sequence of full period
_FIRST_MULTIPLIER: Final = 0xBF58476D1CE4E5B9
_SECOND_MULTIPLIER: Final = 0x94D049BB133111EB
IS_ACCELERATED: Final = not __file__.endswith((".py", ".pyc"))  # a draw is a few machine words
BLOCK_WORDS: Final = 32  # larger blocks are hardly faster, and take memory for every process
_LANE_BITS: Final = 2 * WORD_BITS  # a word, and room above it for a product
_BLOCK_BYTES: Final = BLOCK_WORDS * _LANE_BITS // 8
_LANES: Final = tuple(1 << lane * _LANE_BITS for lane in range(BLOCK_WORDS))
_ONE_PER_LANE: Final = sum(_LANES)  # times a word: that word in every lane
_MASK_PER_LANE: Final = _MASK * _ONE_PER_LANE
_STEPS: Final = sum(((lane + 1) * _GOLDEN & _MASK) * one for lane, one in enumerate(_LANES))
_LANE_STEP: Final = 2 if sys.byteorder == "little" else -2  # to the word of the next lane


class Purpose:
    """What a draw decides. Two purposes never share a word. The numbers must never change."""

    RATE: Final = 1
    PHASE: Final = 2
    DIE: Final = 3
    LATENCY: Final = 4
    TOPOLOGY: Final = 5


def mix(word: int) -> int:
    """Return a 64-bit word mixed; a bijection on 0 .. 2**64 - 1."""
    # What `mix_lanes` does, for one word: in the accelerated build a machine word.
    word = ((word ^ (word >> 30)) * _FIRST_MULTIPLIER) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND_MULTIPLIER) & _MASK
    return word ^ (word >> 31)


def mix_lanes(words: int, mask: int) -> int:
    """Return a number with each of its words mixed; `mask` has 64 ones at each word's place."""
    words = ((words ^ (words >> 30 & mask)) * _FIRST_MULTIPLIER) & mask
    words = ((words ^ (words >> 27 & mask)) * _SECOND_MULTIPLIER) & mask
    return words ^ (words >> 31 & mask)


def stream(seed: int, run: int, process: int, purpose: int) -> int:
    """Return the 64-bit key of one stream.

    Args: the scenario's seed, the number of the run, the position of the process
    (whole numbers in 0 .. 2**64 - 1), and a `Purpose`: what the draws decide.
    """
    key = mix(_GOLDEN ^ seed)
    for word in (run, process, purpose):
        key = mix(((key + _GOLDEN) & _MASK) ^ word)
    return key


def draw(key: int, tick: int) -> int:
    """Return draw number `tick` (from 0) of the stream `key`, uniform in 0 .. 2**64 - 1."""
    return mix((key + _GOLDEN + tick * _GOLDEN) & _MASK)


def draw_block(key: int, first: int) -> list[int]:
    """Return draws number `first` to `first + BLOCK_WORDS - 1`, four times faster than `draw`."""
    words = (((key + first * _GOLDEN) & _MASK) * _ONE_PER_LANE + _STEPS) & _MASK_PER_LANE
    mixed = mix_lanes(words, _MASK_PER_LANE).to_bytes(_BLOCK_BYTES, sys.byteorder)
    return memoryview(mixed).cast("Q").tolist()[::_LANE_STEP]


def uniform_below(word: int, bound: int) -> int:
    """Return a 64-bit word scaled to 0 .. bound - 1 (the bias is below bound / 2**64)."""
    return mul_high(word, bound)


def mul_high(one: int, other: int) -> int:
    """Return the upper 64 bits of the product of two words."""
    return one * other >> WORD_BITS
