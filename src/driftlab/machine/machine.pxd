# Types for the accelerated build (`driftlab.accelerated`); the source is `machine.py`.
import cython

from driftlab.clocks.lamport cimport merge, step
from driftlab.machine.process cimport ProcessContext

cdef class Machine:
    cdef object _additional_clock, _inbox, _known, _name, _peers, _process
    cdef long long _clock
    cdef public ProcessContext context
    @cython.locals(context=ProcessContext, clock="long long")
    cpdef tuple tick_row(self, long long tick, found, now_ns)
    @cython.locals(clock="long long")
    cdef tuple _apply(self, answer, method, long long tick, sender, stamp)
