# Types for the accelerated build (`driftlab.accelerated`); the source is `simulated.py`.
import cython

cdef class EventColumns:
    cdef object _names, _clock, _found, _target_codes
    cdef Py_ssize_t _events
    cdef bint _keeps_timestamps
    cdef dict _parts, _places, _recorded
    cdef list _timestamps
    cpdef add(self, batch)
    cdef dict _by_field(self, rows)
    @cython.locals(place="Py_ssize_t", row=tuple, ticks="long long[::1]", senders="int[::1]", stamps="long long[::1]", targets_="int[::1]", clocks="long long[::1]", queues="long long[::1]")
    cdef dict _by_row(self, rows)
