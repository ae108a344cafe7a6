/* The floor for many short runs: the same model in the same lockstep, in C.
 *
 * Runs of three machines A, B, C in a mesh whose ticks come in one order are the lanes of a
 * batch: structure of arrays, eight lanes a vector, no branches. Reads from standard input, all
 * numbers in text: periods, entries of a period, whether queues are ordered by sender, the three
 * bounds of the die (below which a free tick sends to the lower peer, the higher, both), and how
 * many orders there are; then of each the machines of its entries, how many runs have it, and the
 * keys of the three dice of each. Prints the exclusive or of the digests of the runs whose queues
 * fit the rings, how many these are, the ticks of all, and the nanoseconds of processor time, reading not
 * included. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint64_t word;
typedef int64_t number;
typedef number numbers __attribute__((vector_size(64)));
typedef word words __attribute__((vector_size(64)));

#define WIDE 8
#define GROUPS 2
#define LANES (GROUPS * WIDE)
#define RING 64
#define GOLDEN 0x9E3779B97F4A7C15u
#define TICK 0xD6E8FEB86659FD93u
#define KIND 0x9E3779B97F4A7C15u
#define PARTNER 0xC2B2AE3D27D4EB4Fu
#define STAMP 0x165667B19E3779F9u
#define CLOCK 0xA0761D6478BD642Fu
#define QUEUE 0xE7037ED1A0B428DBu
#define EVERY_PEER 4294967295u
#define NEVER INT64_MAX
#define MACHINES 3

typedef struct {
    numbers die[GROUPS], digest[GROUPS], clock[GROUPS], sends[GROUPS], queue_sum[GROUPS],
        queue_max[GROUPS], queue[GROUPS], jump_max[GROUPS], head[2][GROUPS], tail[2][GROUPS],
        front[2][GROUPS];
} machine;

static machine machines[MACHINES] __attribute__((aligned(64)));
static number rings[2 * MACHINES][RING][LANES] __attribute__((aligned(64)));
static number bound_low, bound_high, bound_both;

static inline words mixed(words w)
{
    w = (w ^ (w >> 30)) * 0xBF58476D1CE4E5B9u;
    w = (w ^ (w >> 27)) * 0x94D049BB133111EBu;
    return w ^ (w >> 31);
}

static inline word mix(word w)
{
    w = (w ^ (w >> 30)) * 0xBF58476D1CE4E5B9u;
    w = (w ^ (w >> 27)) * 0x94D049BB133111EBu;
    return w ^ (w >> 31);
}

static inline numbers either(numbers mask, numbers yes, numbers no)
{
    return (mask & yes) | (~mask & no);
}

static inline numbers all(number value) { return (numbers){} + value; }

/* Read one number of every lane, at places of its own: lane by lane. */
static inline numbers gathered(const number *from, numbers places)
{
    numbers found;
    for (int lane = 0; lane < WIDE; lane++) found[lane] = from[lane + places[lane]];
    return found;
}

static inline void enqueue(
    machine *peer, int which, number (*ring)[LANES], int group, numbers sends, numbers message)
{
    numbers tail = peer->tail[which][group], place = (tail & (RING - 1)) * LANES;
    number *own = &ring[0][group * WIDE];
    for (int lane = 0; lane < WIDE; lane++) own[lane + place[lane]] = message[lane];
    numbers was_empty = tail == peer->head[which][group];
    peer->front[which][group] = either(sends & was_empty, message, peer->front[which][group]);
    peer->tail[which][group] = tail - sends;
}

/* Take tick number `tick` of machine `i` in every lane. */
static inline void step(int i, number tick, number order_low, number order_high)
{
    machine *m = &machines[i];
    int low = i == 0 ? 1 : 0, high = i == 2 ? 1 : 2;
    int at_low = i == 2, at_high = i != 0;
    number from_low = (number)(2 * KIND + (word)(low + 1) * PARTNER);
    number from_high = (number)(2 * KIND + (word)(high + 1) * PARTNER);
    for (int g = 0; g < GROUPS; g++) {
        numbers first = m->front[0][g], second = m->front[1][g], is_high = second < first;
        numbers front = either(is_high, second, first), is_free = front == NEVER;
        numbers stamp = ~is_free & front & 0xffffffff, before = m->clock[g];
        numbers clock = either(before > stamp, before, stamp) + 1;
        numbers head_low = m->head[0][g] - (~is_free & ~is_high);
        numbers head_high = m->head[1][g] - is_high;
        numbers queue = m->tail[0][g] + m->tail[1][g] - head_low - head_high;
        numbers die = (numbers)(mixed((words)m->die[g] + GOLDEN + (word)tick * GOLDEN) >> 24);
        numbers to_low = is_free & (die < bound_low), to_one = is_free & (die < bound_high);
        numbers to_any = is_free & (die < bound_both);
        numbers to_both = to_any & ~to_one, to_high = to_one & ~to_low;
        numbers kind = either(is_high, all(from_high), all(from_low)) & ~is_free;
        kind |= (to_low & (number)(KIND + PARTNER)) | (to_high & (number)(KIND + 2 * PARTNER));
        kind |= to_both & (number)(KIND + (word)EVERY_PEER * PARTNER);
        words weight = (words)kind + (word)tick * TICK + (words)stamp * STAMP
            + (words)clock * CLOCK + (words)queue * QUEUE;
        words digest = ((words)m->digest[g] ^ weight) * 0xFF51AFD7ED558CCDu;
        m->digest[g] = (numbers)(digest << 29 | digest >> 35);
        m->clock[g] = clock;
        m->sends[g] -= to_any;
        m->queue_sum[g] += queue;
        m->queue[g] = queue;
        m->queue_max[g] = either(queue > m->queue_max[g], queue, m->queue_max[g]);
        numbers jump = tick ? clock - before : all(0);
        m->jump_max[g] = either(jump > m->jump_max[g], jump, m->jump_max[g]);
        m->head[0][g] = head_low;
        m->head[1][g] = head_high;
        numbers place = either(
            is_high, RING * LANES + (head_high & (RING - 1)) * LANES,
            (head_low & (RING - 1)) * LANES);
        numbers next = gathered(&rings[2 * i][0][g * WIDE], place);
        numbers next_low = either(head_low < m->tail[0][g], next, all(NEVER));
        numbers next_high = either(head_high < m->tail[1][g], next, all(NEVER));
        m->front[0][g] = either(~is_high & ~is_free, next_low, first);
        m->front[1][g] = either(is_high, next_high, second);
        enqueue(&machines[low], at_low, rings[2 * low + at_low], g, to_low | to_both,
            clock | order_low << 32);
        enqueue(&machines[high], at_high, rings[2 * high + at_high], g, to_high | to_both,
            clock | order_high << 32);
    }
}

static number read_number(void)
{
    number value;
    if (scanf("%" SCNd64, &value) != 1) exit(2);
    return value;
}

static word read_word(void)
{
    word value;
    if (scanf("%" SCNu64, &value) != 1) exit(2);
    return value;
}

/* Simulate the runs of one order; return the exclusive or of their digests. */
static word simulate(const int *order, number entries, number periods, number by_sender,
    const word *keys, number runs, number *fitting)
{
    word result = 0;
    for (number first = 0; first < runs; first += LANES) {
        number used = runs - first < LANES ? runs - first : LANES;
        memset(machines, 0, sizeof machines);
        for (int i = 0; i < MACHINES; i++)
            for (int lane = 0; lane < LANES; lane++) {
                machine *m = &machines[i];
                if (lane < used)
                    m->die[lane / WIDE][lane % WIDE] = (number)keys[(first + lane) * MACHINES + i];
                for (int which = 0; which < 2; which++)
                    m->front[which][lane / WIDE][lane % WIDE] = NEVER;
            }
        number ticks[MACHINES] = {0}, position = 0;
        for (number period = 0; period < periods; period++)
            for (number e = 0; e < entries; e++, position++) {
                int i = order[e], low = i == 0 ? 1 : 0, high = i == 2 ? 1 : 2;
                number order_low = by_sender ? 2 * ticks[low] + (i == 2) : position;
                number order_high = by_sender ? 2 * ticks[high] + (i != 0) : position;
                step(i, ticks[i]++, order_low, order_high);
            }
        for (int lane = 0; lane < used; lane++) {
            word digest = 0;
            int fits = 1;
            for (int i = 0; i < MACHINES; i++) {
                fits &= machines[i].queue_max[lane / WIDE][lane % WIDE] < RING - 1;
                digest = (digest ^ mix((word)machines[i].digest[lane / WIDE][lane % WIDE]))
                    * 0xFF51AFD7ED558CCDu;
                digest = digest << 29 | digest >> 35;
            }
            if (fits) result ^= digest;
            *fitting += fits;
        }
    }
    return result;
}

int main(void)
{
    number periods = read_number(), entries = read_number(), by_sender = read_number();
    bound_low = read_number(), bound_high = read_number(), bound_both = read_number();
    number orders = read_number(), all_runs = 0, fitting = 0;
    int *order = malloc(sizeof(int) * (size_t)(orders * entries));
    number *runs = malloc(sizeof(number) * (size_t)orders);
    word **keys = malloc(sizeof(word *) * (size_t)orders);
    for (number k = 0; k < orders; k++) {
        for (number e = 0; e < entries; e++) order[k * entries + e] = (int)read_number();
        runs[k] = read_number();
        all_runs += runs[k];
        keys[k] = malloc(sizeof(word) * (size_t)runs[k] * MACHINES);
        for (number each = 0; each < runs[k] * MACHINES; each++) keys[k][each] = read_word();
    }
    struct timespec begun, ended;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    word result = 0;
    for (number k = 0; k < orders; k++)
        result ^= simulate(
            &order[k * entries], entries, periods, by_sender, keys[k], runs[k], &fitting);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
    printf("%" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", result, fitting,
        all_runs * periods * entries,
        (ended.tv_sec - begun.tv_sec) * 1000000000 + (ended.tv_nsec - begun.tv_nsec));
    return 0;
}
