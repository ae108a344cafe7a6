"""The rules of the machines, compiled from the very functions that the general engine calls.

A rule is a Python function of whole numbers. It is compiled as it stands; only
the meaning of its global names changes: whole numbers of its module become
64-bit words (Numba turns a word beside a signed number into a float), rules
that it calls become their compiled selves, and the two that Python computes
with longer integers, the upper half of a product and the length of a word,
become machine instructions.

With `NUMBA_DISABLE_JIT=1` everything here and every kernel runs as Python, on
NumPy's scalars: slow, but open to a debugger and to coverage.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it has no types
from numba import config as numba_config
from numba import njit, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from driftlab.accelerated import in_python
from driftlab.clocks import lamport
from driftlab.machine import process
from driftlab.model import digest, random_streams, schedule
from driftlab.network import latency

WORD: Final = types.uint64
_MASK: Final = (1 << 64) - 1

jit: Any = njit(error_model="numpy", nogil=True)
jit_inline: Any = njit(error_model="numpy", nogil=True, forceinline=True)


def rule(function: Callable[..., Any], **calls: Any) -> Any:
    """Compile a rule; `calls` are the rules that it calls, under the names that it uses."""
    names = {name: _as_word(value) for name, value in function.__globals__.items()}
    return jit(FunctionType(function.__code__, {**names, **calls}, function.__name__))


def _as_word(value: Any) -> Any:
    return np.uint64(value & _MASK) if type(value) is int else value


@intrinsic
def _mul_high(typing: Any, one: Any, other: Any) -> Any:
    """Return the upper word of a product: `random_streams.mul_high`."""
    _require_words(one, other)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        long = ir.IntType(128)
        one, other = (builder.zext(argument, long) for argument in arguments)
        product = builder.mul(one, other)
        return builder.trunc(builder.lshr(product, ir.Constant(long, 64)), ir.IntType(64))

    return WORD(WORD, WORD), generate


@intrinsic
def _bit_length(typing: Any, word: Any) -> Any:
    """Return the number of bits of a word: `latency.bit_length`."""
    _require_words(word)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zeros = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(ir.IntType(64), 64), zeros)

    return WORD(WORD), generate


def _require_words(*kinds: Any) -> None:
    for kind in kinds:
        if kind != WORD:
            raise TypingError(f"expected a 64-bit word, not {kind}")


def _in_python(function: Callable[..., int]) -> Callable[..., Any]:
    """Return a function of words that computes with Python's integers."""
    return lambda *words: np.uint64(function(*map(int, words)))


_config: Any = numba_config  # whose settings have no types
mul_high: Any = _in_python(random_streams.mul_high) if _config.DISABLE_JIT else _mul_high
bit_length: Any = _in_python(latency.bit_length) if _config.DISABLE_JIT else _bit_length

_streams: Any = in_python(random_streams)
mix = rule(_streams.mix)
stream = rule(_streams.stream, mix=mix)
draw = rule(_streams.draw, mix=mix)
uniform_below = rule(_streams.uniform_below, mul_high=mul_high)

_lamport: Any = in_python(lamport)
step = rule(_lamport.step)
merge = rule(_lamport.merge)

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

_process: Any = in_python(process)
roll = rule(_process.roll)  # INTERNAL and EVERY_PEER as words: the caller makes them signed
