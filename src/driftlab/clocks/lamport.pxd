# Types for the accelerated build (`driftlab.accelerated`); the source is `lamport.py`.
cpdef long long step(long long clock)
cpdef long long merge(long long clock, long long stamp)
