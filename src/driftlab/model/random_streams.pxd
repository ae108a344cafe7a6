# Types for the accelerated build (`driftlab.accelerated`); the source is `random_streams.py`.
cdef unsigned long long _FIRST_MULTIPLIER, _GOLDEN, _MASK, _SECOND_MULTIPLIER

cpdef unsigned long long draw(unsigned long long key, unsigned long long tick)
cpdef unsigned long long mix(unsigned long long word)
