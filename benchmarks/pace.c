/* The bare pacing loop: wait for each tick's absolute due time, note how late it is, nothing else.
 *
 * pace START_NS PHASE_NS RATE_NUM RATE_DEN TICKS SLACK_NS: tick k is due at
 * start + phase + k * den / num seconds of CLOCK_MONOTONIC. The kernel may wake
 * a sleeper by the timer slack later; 0 stands for its default, 50 us. Prints the
 * lateness of every tick in nanoseconds, one a line, when all are over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define NS_PER_SECOND 1000000000LL

int main(int count, char **arguments)
{
    long long value[6];
    if (count != 7)
        return 2;
    for (int i = 0; i < 6; i++)
        value[i] = atoll(arguments[i + 1]);
    long long first = value[0] + value[1], num = value[2], den = value[3], ticks = value[4];
    if (value[5] && prctl(PR_SET_TIMERSLACK, value[5]) != 0)
        return 1;
    long long *late = malloc((size_t)ticks * sizeof *late);
    if (!late)
        return 1;
    for (long long k = 0; k < ticks; k++)
        late[k] = -1; /* touch every page before it matters */
    for (long long k = 0; k < ticks; k++) {
        long long due = first + k * NS_PER_SECOND * den / num;
        struct timespec at = {due / NS_PER_SECOND, due % NS_PER_SECOND}, now;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
            ;
        clock_gettime(CLOCK_MONOTONIC, &now);
        late[k] = now.tv_sec * NS_PER_SECOND + now.tv_nsec - due;
    }
    for (long long k = 0; k < ticks; k++)
        printf("%lld\n", late[k]);
    return 0;
}
