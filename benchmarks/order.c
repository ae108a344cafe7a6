/* A lower bound for happened-before: the clock condition and vector times, over columns.
 *
 * The columns are those of a trace. Rows are process after process, starts[p] to starts[p + 1]
 * those of process p; source is the row of the send of the message that an event received, or
 * negative; sender is the process of that row. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MISSING INT64_MIN

/* Write the rows whose clock is not greater than the one before, or than the message's. */
void unordered(const int64_t *clock, const int64_t *source, const int64_t *starts,
               int64_t processes, int64_t *by_program, int64_t *by_message, int64_t *counts)
{
    int64_t programs = 0, messages = 0;
    for (int64_t p = 0; p < processes; p++) {
        int64_t known = MISSING;
        for (int64_t row = starts[p]; row < starts[p + 1]; row++) {
            int64_t mine = clock[row];
            if (mine == MISSING) continue;
            if (mine <= known) by_program[programs++] = row;
            known = mine;
            int64_t sent = source[row];
            if (sent >= 0 && mine <= clock[sent]) by_message[messages++] = row;
        }
    }
    counts[0] = programs;
    counts[1] = messages;
}

/* Write the vector time of every event. Each process advances as far as it can; where a message
 * is not sent yet, its sender advances first. Return 0 if happened-before has a cycle. */
int64_t vectors(const int64_t *source, const int32_t *sender, const int64_t *starts,
                int64_t processes, int32_t *out)
{
    int64_t *done = malloc((size_t)processes * sizeof *done), depth, acyclic = 1;
    int64_t *goals = malloc((size_t)processes * sizeof *goals);
    int32_t *stack = malloc((size_t)processes * sizeof *stack);
    uint8_t *on_stack = calloc((size_t)processes, 1);
    memcpy(done, starts, (size_t)processes * sizeof *done);
    for (int64_t first = 0; first < processes && acyclic; first++) {
        stack[0] = (int32_t)first;
        goals[0] = starts[first + 1];
        on_stack[first] = 1;
        depth = 0;
        while (depth >= 0) {
            int32_t mine = stack[depth], other = mine;
            int64_t row = done[mine], start = starts[mine], end = starts[mine + 1], wanted = -1;
            for (; row < end; row++) {
                int64_t sent = source[row];
                int32_t *here = out + row * processes;
                const int32_t *before = here - processes;
                if (row == start) {
                    memset(here, 0, (size_t)processes * sizeof *here);
                    before = here;
                }
                if (sent >= 0) {
                    other = sender[row];
                    if (sent >= done[other] && (other != mine || sent >= row)) {
                        wanted = sent;
                        break;
                    }
                    const int32_t *there = out + sent * processes;
                    for (int64_t q = 0; q < processes; q++)
                        here[q] = before[q] > there[q] ? before[q] : there[q];
                } else {
                    for (int64_t q = 0; q < processes; q++) here[q] = before[q];
                }
                here[mine] = (int32_t)(row - start + 1);
            }
            done[mine] = row;
            if (row >= goals[depth]) {
                on_stack[mine] = 0;
                depth--;
            } else if (on_stack[other]) {
                acyclic = 0;
                break;
            } else {
                stack[++depth] = other;
                goals[depth] = wanted + 1;
                on_stack[other] = 1;
            }
        }
    }
    free(done);
    free(goals);
    free(stack);
    free(on_stack);
    return acyclic;
}
