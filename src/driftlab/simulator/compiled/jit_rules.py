"""The house's own rules, compiled from the very functions that the real machine calls.

A rule is a Python function of whole numbers. It is compiled as it stands; only
what its names mean is exchanged: whole numbers of its module become 64-bit
words (numba makes floats of a word beside a signed number), rules that it
calls become their compiled selves, and the two that Python writes with longer
numbers, the upper half of a product and the length of a word, become the
instructions that a machine has for them.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it has no types
from numba import njit, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from driftlab.clocks import lamport
from driftlab.machine import die_process
from driftlab.model import digest, random_streams, schedule
from driftlab.network import latency

WORD: Final = types.uint64
_MASK: Final = (1 << 64) - 1


def rule(function: Callable[..., Any], **calls: Any) -> Any:
    """Compile a rule; `calls` are the rules that it calls, by the names it knows them by."""
    names = {name: _as_word(value) for name, value in function.__globals__.items()}
    return njit(error_model="numpy", nogil=True)(
        FunctionType(function.__code__, {**names, **calls}, function.__name__)
    )


def _as_word(value: Any) -> Any:
    return np.uint64(value & _MASK) if type(value) is int else value


@intrinsic
def mul_high(typing: Any, one: Any, other: Any) -> Any:
    """Return the upper word of a product: `dice.high`."""
    _demand_words(one, other)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        long = ir.IntType(128)
        one, other = (builder.zext(argument, long) for argument in arguments)
        product = builder.mul(one, other)
        return builder.trunc(builder.lshr(product, ir.Constant(long, 64)), ir.IntType(64))

    return WORD(WORD, WORD), generate


@intrinsic
def bit_length(typing: Any, word: Any) -> Any:
    """Return how many bits a word takes: `latency.length`."""
    _demand_words(word)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zeros = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(ir.IntType(64), 64), zeros)

    return WORD(WORD), generate


def _demand_words(*found: Any) -> None:
    for each in found:
        if each != WORD:
            raise TypingError(f"a word is wanted, not {each}")


mix_lanes = rule(random_streams.mix_lanes)
mix = rule(random_streams.mix, mix_lanes=mix_lanes)
stream = rule(random_streams.stream, mix=mix)
draw = rule(random_streams.draw, mix=mix)
uniform_below = rule(random_streams.uniform_below, mul_high=mul_high)

step = rule(lamport.step)
merge = rule(lamport.merge)

mix_in = rule(digest.mix_in)
hash_event = rule(digest.hash_event)
finish = rule(digest.finish, mix_in=mix_in, mix=mix)

phase_ns = rule(schedule.phase_ns, mul_high=mul_high)

fixed_mul = rule(latency.fixed_mul, mul_high=mul_high)
interpolate = rule(latency.interpolate, mul_high=mul_high)
uniform_ns = rule(latency.uniform_ns, uniform_below=uniform_below)
exponential_ns = rule(
    latency.exponential_ns, bit_length=bit_length, fixed_mul=fixed_mul, interpolate=interpolate
)
lognormal_ns = rule(latency.lognormal_ns, fixed_mul=fixed_mul, interpolate=interpolate)

roll = rule(die_process.roll)  # INTERNAL and EVERY_PEER as words: the caller makes them signed
