# Types for the accelerated build (`driftlab.accelerated`); the source is `process.py`.
import cython

from driftlab.model.random_streams cimport draw

cdef class RandomStream:
    cdef object _block
    cdef unsigned long long _first, _stream
    cdef ProcessContext _context
    cdef long long _block_tick, _count, _tick
    @cython.locals(tick="long long", index="long long", word="unsigned long long")
    cpdef unsigned long long word(self)
    cdef unsigned long long _first_word(self, long long tick)
    cpdef double uniform(self)
    cpdef object below(self, bound)

cdef class ProcessContext:
    cdef public object name, names, now_ns, peers, position, random, size, timestamp
    cdef public long long clock, queue, tick
