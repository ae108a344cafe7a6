/* The reference for the compiled engine: the same model, the same draws, the same digest, in C.
 *
 * Reads a run from standard input, all numbers in text: machines, one_below, all_below,
 * by_sender, horizon, period (0: none), window, shift, buckets, ticks (at most, of a window),
 * latency (0 none, 1 fixed, 2 uniform, 3 exponential), its two numbers, whether the history is
 * written into arrays, and how many events that is; then of each machine: key of its die, key
 * of its latencies, phase, whole nanoseconds of its period, the rest, and the rate that the rest
 * is counted in; then 4097 logarithms if the latency is exponential. Everyone is linked to
 * everyone. Prints the digest, the ticks taken and the nanoseconds they took. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef uint64_t word;
typedef int64_t ns;

#define GOLDEN 0x9E3779B97F4A7C15u
#define EVERY_PEER (-1)
#define INTERNAL (-2)
#define FEW 24

static inline word mix(word w)
{
    w = (w ^ (w >> 30)) * 0xBF58476D1CE4E5B9u;
    w = (w ^ (w >> 27)) * 0x94D049BB133111EBu;
    return w ^ (w >> 31);
}

static inline word draw(word key, word tick) { return mix(key + GOLDEN + tick * GOLDEN); }
static inline word high(word a, word b) { return (word)(((unsigned __int128)a * b) >> 64); }

static inline word fold(word digest, word more)
{
    digest = (digest ^ more) * 0xFF51AFD7ED558CCDu;
    return digest << 29 | digest >> 35;
}

static inline word weigh(word tick, word kind, word other, word stamp, word clock, word queue)
{
    return tick * 0xD6E8FEB86659FD93u + kind * 0x9E3779B97F4A7C15u + other * 0xC2B2AE3D27D4EB4Fu
        + stamp * 0x165667B19E3779F9u + clock * 0xA0761D6478BD642Fu + queue * 0xE7037ED1A0B428DBu;
}

typedef struct {
    word die, digest;
    int64_t clock, tick;
    uint32_t head, tail, settled, flight, queue, fresh, peers, queue_max;
    int64_t queue_sum, jump_max, first_clock, sends, receives;
    word delays;
    int64_t links, spare;
} machine;

typedef struct { ns due, rest, whole, part, rate; } cursor;
typedef struct { int64_t stamp; uint32_t sender, next; } message;
typedef struct { int64_t stamp; uint32_t sender, next; ns arrival; uint32_t child, spare; } flying;

static int64_t size, by_sender, horizon, period, window, shift, bucket_count, room_window;
static word one_below, all_below, delay_first, delay_second;
static int64_t delay_kind, recorded, row_count;
static machine *machines;
static cursor *cursors;
static uint32_t *entries, *loose_entries;
static ns *dues, *loose_dues, *latest;
static uint8_t *tied;
static int32_t *buckets;
static int64_t *stash;
static word logarithms[4097];
static struct {
    ns *due;
    uint32_t *process, *tick, *stamp, *clock, *queue;
    uint8_t *kind;
    int32_t *sender, *target;
} history;

static void *some(int64_t count, size_t each)
{
    void *found = calloc((size_t)count, each);
    if (!found) { fputs("no memory\n", stderr); exit(1); }
    return found;
}

/* Memory as numpy asks for it: a large array on large pages. */
static void *column(int64_t count, size_t each)
{
    void *found = NULL;
    size_t bytes = (size_t)count * each;
    if (posix_memalign(&found, 1 << 21, bytes)) exit(1);
    madvise(found, bytes, MADV_HUGEPAGE);
    return found;
}

/* ---- which tick comes next ---- */

static void sort_many(int64_t begin, int64_t end)
{
    for (int64_t width = 1; width < end - begin; width *= 2) {
        for (int64_t left = begin; left < end; left += 2 * width) {
            int64_t middle = left + width < end ? left + width : end;
            int64_t right = left + 2 * width < end ? left + 2 * width : end;
            for (int64_t i = left, j = middle, k = left; k < right; k++) {
                int64_t from = i < middle && (j >= right || dues[i] <= dues[j]) ? i++ : j++;
                loose_dues[k] = dues[from];
                loose_entries[k] = entries[from];
            }
        }
        memcpy(dues + begin, loose_dues + begin, (size_t)(end - begin) * sizeof *dues);
        memcpy(entries + begin, loose_entries + begin, (size_t)(end - begin) * sizeof *entries);
    }
}

static int64_t fill(ns base, ns until)
{
    int64_t filled = 0;
    memset(buckets, 0, (size_t)bucket_count * sizeof *buckets);
    for (int64_t i = 0; i < size; i++) {
        cursor c = cursors[i];
        while (c.due < until) {
            loose_entries[filled] = (uint32_t)i;
            loose_dues[filled++] = c.due;
            buckets[(c.due - base) >> shift]++;
            c.due += c.whole;
            c.rest += c.part;
            if (c.rest >= c.rate) { c.rest -= c.rate; c.due++; }
        }
        cursors[i] = c;
    }
    int32_t begin = 0;
    for (int64_t b = 0; b < bucket_count; b++) {
        int32_t count = buckets[b];
        buckets[b] = begin;
        begin += count;
    }
    for (int64_t k = 0; k < filled; k++) {
        ns due = loose_dues[k];
        int32_t place = buckets[(due - base) >> shift]++;
        dues[place] = due;
        entries[place] = loose_entries[k];
    }
    int64_t from = 0;
    for (int64_t b = 0; b < bucket_count; b++) {
        if (buckets[b] - from > FEW) sort_many(from, buckets[b]);
        from = buckets[b];
    }
    for (int64_t k = 1; k < filled; k++) {
        ns due = dues[k];
        if (dues[k - 1] > due) {
            uint32_t entry = entries[k];
            int64_t hole = k;
            for (; hole > 0 && dues[hole - 1] > due; hole--) {
                dues[hole] = dues[hole - 1];
                entries[hole] = entries[hole - 1];
            }
            dues[hole] = due;
            entries[hole] = entry;
        }
    }
    bool before = false;
    for (int64_t k = 0; k < filled; k++) {
        bool after = k + 1 < filled && dues[k] == dues[k + 1];
        tied[k] = after ? 1 : before ? 2 : 0;
        before = after;
    }
    return filled;
}

/* ---- the inbox; POOL is the kind of message ---- */

#define INBOX(POOL, NAME) \
static POOL *NAME##_pool; \
static inline void NAME##_append(machine *m, POOL *pool, uint32_t place) \
{ \
    pool[place].next = 0; \
    if (m->queue + m->fresh == 0) m->head = place; else pool[m->tail].next = place; \
    m->tail = place; \
    m->fresh++; \
} \
static uint32_t NAME##_sorted(POOL *pool, uint32_t first) \
{ \
    for (int64_t width = 1;; width *= 2) { \
        uint32_t left = first, last = 0; \
        int64_t merges = 0; \
        first = 0; \
        while (left) { \
            uint32_t right = left; \
            int64_t ours = 0, theirs = width; \
            merges++; \
            while (ours < width && right) { ours++; right = pool[right].next; } \
            while (ours || (theirs && right)) { \
                uint32_t taken; \
                if (ours && (!theirs || !right || pool[left].sender <= pool[right].sender)) { \
                    taken = left; left = pool[left].next; ours--; \
                } else { \
                    taken = right; right = pool[right].next; theirs--; \
                } \
                if (last) pool[last].next = taken; else first = taken; \
                last = taken; \
            } \
            left = right; \
        } \
        pool[last].next = 0; \
        if (merges <= 1) return first; \
    } \
} \
static void NAME##_put_in_order(machine *m, POOL *pool) \
{ \
    uint32_t first = m->queue ? pool[m->settled].next : m->head, second = pool[first].next; \
    if (m->fresh == 2) { \
        if (pool[second].sender < pool[first].sender) { \
            uint32_t sender = pool[first].sender; \
            int64_t stamp = pool[first].stamp; \
            pool[first].sender = pool[second].sender; pool[first].stamp = pool[second].stamp; \
            pool[second].sender = sender; pool[second].stamp = stamp; \
        } \
        return; \
    } \
    first = NAME##_sorted(pool, first); \
    if (m->queue) pool[m->settled].next = first; else m->head = first; \
    while (pool[first].next) first = pool[first].next; \
    m->tail = first; \
}

INBOX(message, plain)
INBOX(flying, late)

static inline bool is_before(const flying *a, const flying *b)
{
    if (a->arrival != b->arrival) return a->arrival < b->arrival;
    if (a->sender != b->sender) return a->sender < b->sender;
    return a->stamp < b->stamp;
}

static inline uint32_t meld(flying *pool, uint32_t a, uint32_t b)
{
    if (is_before(pool + b, pool + a)) { uint32_t c = a; a = b; b = c; }
    pool[b].next = pool[a].child;
    pool[a].child = b;
    return a;
}

static uint32_t without_root(flying *pool, uint32_t root)
{
    uint32_t place = pool[root].child, paired = 0;
    while (place) {
        uint32_t brother = pool[place].next;
        if (!brother) { pool[place].next = paired; paired = place; break; }
        uint32_t rest = pool[brother].next, joined = meld(pool, place, brother);
        pool[joined].next = paired;
        paired = joined;
        place = rest;
    }
    if (!paired) return 0;
    root = paired;
    place = pool[paired].next;
    while (place) {
        uint32_t rest = pool[place].next;
        root = meld(pool, root, place);
        place = rest;
    }
    pool[root].next = 0;
    return root;
}

static inline word between(word place)
{
    word index = place >> 52;
    return logarithms[index] + high(logarithms[index + 1] - logarithms[index], place << 12);
}

static inline ns sample(word w)
{
    if (delay_kind == 2) return (ns)(delay_first + high(w, delay_second));
    if (delay_kind != 3) return (ns)delay_first;
    w |= 1;
    word zeros = (word)__builtin_clzll(w);
    word fixed = zeros * 2977044472u + (2977044472u - between(w << zeros << 1));
    return (ns)((high(delay_first, fixed) << 32) + (delay_first * fixed >> 32));
}

/* ---- the ticks ---- */

static inline void write_event(int64_t row, ns due, uint32_t process, int64_t tick, int kind,
    int64_t sender, int64_t stamp, int64_t target, int64_t clock, int64_t queue)
{
    history.due[row] = due;
    history.process[row] = process;
    history.tick[row] = (uint32_t)tick;
    history.kind[row] = (uint8_t)kind;
    history.sender[row] = (int32_t)sender;
    history.stamp[row] = (uint32_t)stamp;
    history.target[row] = (int32_t)target;
    history.clock[row] = (uint32_t)clock;
    history.queue[row] = (uint32_t)queue;
}

static uint32_t free_place, top;
static int64_t waiting, room, row, stashed;

#define TAKE(POOL, NAME, LATE, RECORD) \
static void take_##NAME##RECORD(ns base, int64_t last) \
{ \
    POOL *pool = NAME##_pool; \
    uint32_t free_ = free_place, top_ = top; \
    int64_t waiting_ = waiting, room_ = room, row_ = row, stashed_ = stashed; \
    machine *all = machines; \
    for (int64_t e = 0; e < last; e++) { \
        uint32_t i = entries[e]; \
        machine *m = all + i; \
        int64_t tick = m->tick; \
        ns now = dues[e] + base; \
        if (LATE) { \
            flying *f = (flying *)pool; \
            uint32_t place = m->flight; \
            while (place && f[place].arrival < now) { \
                uint32_t rest = without_root(f, place); \
                NAME##_append(m, pool, place); \
                place = rest; \
            } \
            m->flight = place; \
        } \
        int64_t queue = (int64_t)m->queue + m->fresh, clock; \
        word weight; \
        if (queue > 0) { \
            if (m->fresh > 1 && by_sender) NAME##_put_in_order(m, pool); \
            uint32_t place = m->head; \
            int64_t stamp = pool[place].stamp; \
            uint32_t sender = pool[place].sender; \
            m->head = pool[place].next; \
            m->settled = m->tail; \
            pool[place].next = free_; \
            free_ = place; \
            waiting_--; \
            queue--; \
            clock = (m->clock > stamp ? m->clock : stamp) + 1; \
            if (tick == 0) m->first_clock = clock; \
            else if (clock - m->clock > m->jump_max) m->jump_max = clock - m->clock; \
            m->queue = (uint32_t)queue; \
            m->fresh = 0; \
            m->receives++; \
            m->queue_sum += queue; \
            if (queue > m->queue_max) m->queue_max = (uint32_t)queue; \
            weight = weigh((word)tick, 2, (word)sender + 1, (word)stamp, (word)clock, (word)queue); \
            if (RECORD) write_event(row_, now, i, tick, 2, sender, stamp, -2, clock, queue); \
        } else { \
            word bits = draw(m->die, (word)tick) >> 24; \
            clock = m->clock + 1; \
            if (bits >= all_below) { \
                weight = weigh((word)tick, 0, 0, 0, (word)clock, 0); \
                if (RECORD) write_event(row_, now, i, tick, 0, -1, 0, -2, clock, 0); \
            } else { \
                int64_t choice = bits < one_below ? (int64_t)(bits * m->peers / one_below) : EVERY_PEER; \
                int64_t need = choice < 0 ? m->peers : 1; \
                if (need == 1 && choice < 0) choice = 0; \
                if (waiting_ + need > room_) { \
                    while (waiting_ + need > room_) room_ *= 2; \
                    pool = NAME##_pool = realloc(pool, (size_t)(room_ + 1) * sizeof *pool); \
                    if (!pool) exit(1); \
                } \
                waiting_ += need; \
                m->sends++; \
                weight = weigh((word)tick, 1, choice < 0 ? 0xFFFFFFFFu : (word)choice + 1, 0, (word)clock, 0); \
                if (RECORD) write_event(row_, now, i, tick, 1, -1, 0, choice, clock, 0); \
                if (LATE || !tied[e]) { \
                    word key = LATE ? draw(m->delays, (word)tick) : 0; \
                    int64_t first = choice < 0 ? 0 : choice, end = choice < 0 ? m->peers : choice + 1; \
                    for (int64_t k = first; k < end; k++) { \
                        int64_t target = k < i ? k : k + 1; \
                        uint32_t place = free_; \
                        if (place) free_ = pool[place].next; else place = ++top_; \
                        pool[place].stamp = clock; \
                        pool[place].sender = i; \
                        if (LATE) { \
                            flying *f = (flying *)pool; \
                            ns arrival = now + sample(draw(key, (word)target)); \
                            if (latest) { \
                                ns *so_far = latest + m->links + k; \
                                if (arrival < *so_far) arrival = *so_far; \
                                *so_far = arrival; \
                            } \
                            f[place].arrival = arrival; \
                            f[place].child = f[place].next = 0; \
                            uint32_t root = all[target].flight; \
                            all[target].flight = root ? meld(f, root, place) : place; \
                        } else \
                            NAME##_append(all + target, pool, place); \
                    } \
                } else { \
                    stash[2 * stashed_] = i; \
                    stash[2 * stashed_++ + 1] = choice; \
                } \
            } \
        } \
        m->clock = clock; \
        m->digest = fold(m->digest, weight); \
        m->tick = tick + 1; \
        if (RECORD) row_++; \
        if (!LATE && stashed_ && tied[e] == 2) { \
            for (int64_t s = 0; s < stashed_; s++) { \
                uint32_t sender = (uint32_t)stash[2 * s]; \
                int64_t choice = stash[2 * s + 1]; \
                int64_t first = choice < 0 ? 0 : choice; \
                int64_t end = choice < 0 ? all[sender].peers : choice + 1; \
                for (int64_t k = first; k < end; k++) { \
                    uint32_t place = free_; \
                    if (place) free_ = pool[place].next; else place = ++top_; \
                    pool[place].stamp = all[sender].clock; \
                    pool[place].sender = sender; \
                    NAME##_append(all + (k < sender ? k : k + 1), pool, place); \
                } \
            } \
            stashed_ = 0; \
        } \
    } \
    free_place = free_; top = top_; waiting = waiting_; room = room_; row = row_; stashed = stashed_; \
}

TAKE(message, plain, 0, 0)
TAKE(message, plain, 0, 1)
TAKE(flying, late, 1, 0)
TAKE(flying, late, 1, 1)

static void take(ns base, int64_t last)
{
    if (delay_kind) { if (recorded) take_late1(base, last); else take_late0(base, last); }
    else { if (recorded) take_plain1(base, last); else take_plain0(base, last); }
}

static int64_t simulate(void)
{
    int64_t taken = 0;
    if (period) {
        int64_t filled = fill(0, period), last = 0;
        for (int64_t k = 0; k < horizon / period; k++, taken += filled) take(k * period, filled);
        while (last < filled && dues[last] < horizon % period) last++;
        take(horizon / period * period, last);
        return taken + last;
    }
    for (ns base = 0; base < horizon; base += window) {
        int64_t filled = fill(base, base + window < horizon ? base + window : horizon);
        take(0, filled);
        taken += filled;
    }
    return taken;
}

static int64_t number(void)
{
    int64_t found;
    if (scanf("%" SCNd64, &found) != 1) { fputs("a number is missing\n", stderr); exit(1); }
    return found;
}

static word unsigned_number(void)
{
    word found;
    if (scanf("%" SCNu64, &found) != 1) { fputs("a number is missing\n", stderr); exit(1); }
    return found;
}

static void read_run(void)
{
    size = number(); one_below = unsigned_number(); all_below = unsigned_number();
    by_sender = number(); horizon = number(); period = number(); window = number();
    shift = number(); bucket_count = number(); room_window = number();
    delay_kind = number(); delay_first = unsigned_number(); delay_second = unsigned_number();
    recorded = number(); row_count = number();
    machines = some(size, sizeof *machines);
    cursors = some(size, sizeof *cursors);
    for (int64_t i = 0; i < size; i++) {
        machines[i].die = unsigned_number();
        machines[i].delays = unsigned_number();
        machines[i].peers = (uint32_t)(size - 1);
        machines[i].links = i * (size - 1);
        cursors[i].due = number(); cursors[i].whole = number();
        cursors[i].part = number(); cursors[i].rate = number();
    }
    if (delay_kind == 3) for (int k = 0; k < 4097; k++) logarithms[k] = unsigned_number();
}

int main(void)
{
    struct timespec begun, ended;
    read_run();
    clock_gettime(CLOCK_MONOTONIC, &begun);
    entries = some(room_window, sizeof *entries); loose_entries = some(room_window, sizeof *entries);
    dues = some(room_window, sizeof *dues); loose_dues = some(room_window, sizeof *dues);
    tied = some(room_window, 1);
    buckets = some(bucket_count, sizeof *buckets);
    stash = some(2 * size, sizeof *stash);
    room = 1024;
    if (delay_kind) late_pool = some(room + 1, sizeof *late_pool);
    else plain_pool = some(room + 1, sizeof *plain_pool);
    if (delay_kind > 1) latest = some(size * (size - 1), sizeof *latest);
    if (recorded) {
        history.due = column(row_count, 8);
        history.process = column(row_count, 4); history.tick = column(row_count, 4);
        history.stamp = column(row_count, 4); history.clock = column(row_count, 4);
        history.queue = column(row_count, 4); history.kind = column(row_count, 1);
        history.sender = column(row_count, 4); history.target = column(row_count, 4);
    }
    int64_t ticks = simulate();
    word digest = 0;
    for (int64_t i = 0; i < size; i++) digest = fold(digest, mix(machines[i].digest));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%" PRIu64 " %" PRId64 " %" PRId64 "\n", digest, ticks,
        (ended.tv_sec - begun.tv_sec) * 1000000000 + (ended.tv_nsec - begun.tv_nsec));
    return 0;
}
