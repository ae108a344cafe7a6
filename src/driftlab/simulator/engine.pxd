# Types for the accelerated build (`driftlab.accelerated`); the source is `engine.py`.
import cython

from driftlab.machine.machine cimport Machine
from driftlab.model.random_streams cimport draw

cdef class Mailbox:
    cdef public list messages
    cdef object _pop, _push
    cdef bint _by_arrival
    cdef dict _last_arrival
    cdef long long _post_count
    cpdef post(self, arrival_ns, sender, message)
    @cython.locals(messages=list, arrived=list)
    cpdef list collect(self, before_ns)

cdef class InstantMailbox:
    cdef public list messages
    cdef object _positions, _last_ns
    cdef Py_ssize_t _before_last
    cpdef post(self, arrival_ns, sender, message)
    cpdef list collect(self, before_ns)

cdef class _Network:
    cdef list _latency_streams, _names
    cdef object _positions, _default, _of_channel, _mailboxes
    cdef dict _mailbox_of
    cdef bint _has_latency
    cpdef deliver(self, Py_ssize_t sender, long long tick, now_ns, outgoing)
    cdef object _latency_ns(self, sender, target, long long tick)

cdef class _Run:
    cdef public dict failures
    cdef object _sink
    cdef bint _keep_found
    cdef list _mailboxes, _next_ticks, _machines
    cdef dict _wrong_clocks
    cdef _Network _network
    cdef long long _capacity
    cpdef run_ticks(self, begin_ns, batch)
    @cython.locals(machines=list, mailboxes=list, next_ticks=list, position="Py_ssize_t", tick="long long", machine=Machine, wrong_clocks=dict, rows=list, finds=list, row=tuple)
    cdef tuple _take(self, dues_ns, positions)
