# Types for the accelerated build (`driftlab.accelerated`); the source is `simulated.py`.
import cython

cdef class EventColumns:
    cdef object _names, _clock, _rows, _found
    cdef Py_ssize_t _end
    cdef bint _keeps_timestamps
    cdef long long[::1] _held
    cdef object _target_codes
    cdef dict _places, _recorded
    cdef list _timestamps
    @cython.locals(end="Py_ssize_t", held="long long[::1]")
    cpdef add(self, position, event, due_ns, found)
    cdef _append_held(self)
