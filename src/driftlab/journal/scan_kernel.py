"""The lines of a journal into columns, a byte at a time, compiled.

The kernel takes only the lines that it understands completely: the columns of
`journal.format`, whole numbers of at most 18 digits, years from 1970 to 2261,
names of the run, timestamps that are complete, no payloads and nothing
recorded. It defers every other line, by its place and number, to the parser of
single lines, which alone decides what such a line is. So the two cannot
disagree about a line that one of them refuses.
"""

from collections.abc import Sequence
from typing import Final

from driftlab.arrays import ByteArray, IntArray
from driftlab.jit import Loop
from driftlab.lazy import np

SETS_MAX: Final = 512  # sets of targets in one chunk; lines with more are deferred
SET_SLOTS: Final = 2048
HASH_MASK: Final = 0x3FFFFFFF


def name_table(names: Sequence[str]) -> tuple[IntArray, IntArray, ByteArray]:
    """Return a hash table to look names up in.

    It is the slots (i4: the position of a name, -1 if free; linear probing),
    where each name's bytes begin (i8, and the end), and the bytes of all names.
    """
    encoded = [name.encode() for name in names]
    size = 8
    while size < 4 * len(encoded):
        size *= 2
    slots = [-1] * size
    for position, name in enumerate(encoded):
        hashed = 0
        for byte in name:
            hashed = (hashed * 31 + byte) & HASH_MASK
        slot = (hashed ^ (hashed >> 15)) & (size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = position
    starts = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(name) for name in encoded], out=starts[1:])
    return np.array(slots, np.int32), starts, np.frombuffer(b"".join(encoded), np.uint8)


@Loop
def scan_lines(  # noqa: C901 - compiled as one; each column is a block of its own
    text: ByteArray, begin: int, number: int, limit: int, width: int, group: int,
    slots: IntArray, name_starts: IntArray, names: ByteArray,
    kind: IntArray, clock: IntArray, sender: IntArray, stamp: IntArray, target: IntArray,
    queue: IntArray, tick: IntArray, due_ns: IntArray, late_ns: IntArray, time_ns: IntArray,
    line: IntArray, found_starts: IntArray, found_sender: IntArray, found_stamp: IntArray,
    values: IntArray, set_slots: IntArray, set_bounds: IntArray,
    deferred_bounds: IntArray, deferred_lines: IntArray,
) -> tuple[int, int, int, int, int, int]:  # fmt: skip
    """Read lines from `begin` on until all are read or one of the outputs is full.

    text u1: whole lines. number: lines that were read before. limit: bytes that
    a line may have. width: numbers in a timestamp, 0 if the run has no further
    clock. group: a slash instead of a dot stands after every `group` numbers;
    -1 if lines have 13 columns though there are no timestamps.
    slots, name_starts, names: see `name_table`.

    Filled in: the columns as in `Columns` and `Arrivals`; `values`, the numbers
    of the timestamps, row after row; `set_bounds`, where (begin, end) each set
    of targets was first written, found by its hash in `set_slots`;
    `deferred_bounds` and `deferred_lines`, where each deferred line stands and
    its number. Return the place and the number of lines read, and how many
    rows, messages found, sets and deferred lines there are.
    """
    end, rows_max, found_max = len(text), len(kind), len(found_sender)
    deferred_max, sets_max = len(deferred_lines), len(set_bounds) // 2
    slot_mask, set_mask = len(slots) - 1, len(set_slots) - 1
    position = begin
    rows = found = sets = deferred = 0
    last_date = last_days = -1
    while position < end and rows < rows_max and deferred < deferred_max:
        start = position
        found_before = found
        valid = end - start >= 44  # the shortest line that is an event
        at = start
        column = 0
        while valid:
            if column == 0:  # 2026-11-23T13:59:22.746766145Z
                for place in range(19):
                    byte = text[at + place]
                    if place == 4 or place == 7:
                        valid = valid and byte == 45
                    elif place == 10:
                        valid = valid and byte == 84
                    elif place == 13 or place == 16:
                        valid = valid and byte == 58
                    else:
                        valid = valid and byte >= 48 and byte <= 57
                if not valid:
                    break
                year = (text[at] - 48) * 1000 + (text[at + 1] - 48) * 100
                year += (text[at + 2] - 48) * 10 + (text[at + 3] - 48)
                month = (text[at + 5] - 48) * 10 + (text[at + 6] - 48)
                day = (text[at + 8] - 48) * 10 + (text[at + 9] - 48)
                hour = (text[at + 11] - 48) * 10 + (text[at + 12] - 48)
                minute = (text[at + 14] - 48) * 10 + (text[at + 15] - 48)
                second = (text[at + 17] - 48) * 10 + (text[at + 18] - 48)
                date = (year * 100 + month) * 100 + day
                if date != last_date:
                    days = 31
                    if month == 4 or month == 6 or month == 9 or month == 11:
                        days = 30
                    if month == 2:
                        days = 28
                        if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
                            days = 29
                    valid = year >= 1970 and year <= 2261 and month >= 1 and month <= 12
                    valid = valid and day >= 1 and day <= days
                    if not valid:
                        break
                    # Days since 1970-01-01, years taken to begin in March.
                    shifted = year - 1 if month <= 2 else year
                    since = month - 3 if month > 2 else month + 9
                    last_days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400
                    last_days += (153 * since + 2) // 5 + day - 719469
                    last_date = date
                if hour > 23 or minute > 59 or second > 59:
                    valid = False
                    break
                at += 19
                fraction = 0
                if text[at] == 46:
                    at += 1
                    digits = 0
                    while text[at] >= 48 and text[at] <= 57 and digits < 9:
                        fraction = fraction * 10 + (text[at] - 48)
                        digits += 1
                        at += 1
                    if digits == 0:
                        valid = False
                        break
                    while digits < 9:
                        fraction *= 10
                        digits += 1
                if text[at] != 90:
                    valid = False
                    break
                at += 1
                seconds = ((last_days * 24 + hour) * 60 + minute) * 60 + second
                time_ns[rows] = seconds * 1000000000 + fraction
            elif column == 4:  # internal, send, receive
                byte = text[at]
                if (
                    byte == 105 and end - at > 8 and text[at + 1] == 110 and text[at + 2] == 116
                    and text[at + 3] == 101 and text[at + 4] == 114 and text[at + 5] == 110
                    and text[at + 6] == 97 and text[at + 7] == 108
                ):  # fmt: skip
                    kind[rows] = 0
                    at += 8
                elif (
                    byte == 115 and end - at > 4 and text[at + 1] == 101 and text[at + 2] == 110
                    and text[at + 3] == 100
                ):  # fmt: skip
                    kind[rows] = 1
                    at += 4
                elif (
                    byte == 114 and end - at > 7 and text[at + 1] == 101 and text[at + 2] == 99
                    and text[at + 3] == 101 and text[at + 4] == 105 and text[at + 5] == 118
                    and text[at + 6] == 101
                ):  # fmt: skip
                    kind[rows] = 2
                    at += 7
                else:
                    valid = False
            elif column == 5 or column == 7 or column == 10 or column == 11:
                if text[at] == 45 and (text[at + 1] <= 32):  # nothing
                    valid = column != 11 or width == 0
                    at += 1
                    if column == 5:
                        sender[rows] = -1
                    elif column == 7:
                        target[rows] = -2
                elif column == 11 and width == 0:
                    valid = False
                else:  # names, or messages, or a timestamp
                    first = at
                    items = 0
                    hashed_set = 0
                    name = -1
                    while True:
                        if column != 11:
                            item = at
                            hashed = 0
                            while text[at] > 32 and text[at] != 44 and text[at] != 58:
                                hashed = (hashed * 31 + text[at]) & 0x3FFFFFFF
                                at += 1
                            slot = (hashed ^ (hashed >> 15)) & slot_mask
                            name = -1
                            while slots[slot] >= 0:
                                other = slots[slot]
                                low = name_starts[other]
                                size = name_starts[other + 1] - low
                                if size == at - item:
                                    same = 0
                                    while same < size and names[low + same] == text[item + same]:
                                        same += 1
                                    if same == size:
                                        name = other
                                        break
                                slot = (slot + 1) & slot_mask
                            if name < 0:
                                valid = False
                                break
                            items += 1
                            hashed_set = (hashed_set * 31 + name + 1) & 0x3FFFFFFF
                        if column == 10:
                            if text[at] != 58 or found >= found_max:
                                valid = False
                                break
                            at += 1
                            digits = 0
                            value = 0
                            while text[at] >= 48 and text[at] <= 57 and digits < 19:
                                value = value * 10 + (text[at] - 48)
                                digits += 1
                                at += 1
                            if digits == 0 or digits > 18:
                                valid = False
                                break
                            found_sender[found] = name
                            found_stamp[found] = value
                            found += 1
                            if width > 0:
                                if text[at] != 58:
                                    valid = False
                                    break
                                at += 1
                        if width > 0 and column >= 10:
                            item = at
                            for entry in range(width):
                                digits = 0
                                value = 0
                                leading = text[at]
                                while text[at] >= 48 and text[at] <= 57 and digits < 19:
                                    value = value * 10 + (text[at] - 48)
                                    digits += 1
                                    at += 1
                                if digits == 0 or digits > 18 or (leading == 48 and digits > 1):
                                    valid = False
                                    break
                                if column == 11:
                                    values[rows * width + entry] = value
                                if entry + 1 < width:
                                    if text[at] != (47 if (entry + 1) % group == 0 else 46):
                                        valid = False
                                        break
                                    at += 1
                            if at - item > 50000:
                                valid = False
                            if not valid:
                                break
                        if text[at] == 44 and (column == 7 or column == 10):
                            at += 1
                        else:
                            break
                    if valid and column == 5:
                        sender[rows] = name
                    elif valid and column == 7 and items == 1:
                        target[rows] = name
                    elif valid and column == 7:
                        slot = (hashed_set ^ (hashed_set >> 15)) & set_mask
                        known = -1
                        while set_slots[slot] >= 0:
                            low = set_bounds[2 * set_slots[slot]]
                            size = set_bounds[2 * set_slots[slot] + 1] - low
                            if size == at - first:
                                same = 0
                                while same < size and text[low + same] == text[first + same]:
                                    same += 1
                                if same == size:
                                    known = set_slots[slot]
                                    break
                            slot = (slot + 1) & set_mask
                        if known < 0 and sets < sets_max:
                            set_bounds[2 * sets] = first
                            set_bounds[2 * sets + 1] = at
                            set_slots[slot] = sets
                            known = sets
                            sets += 1
                        valid = known >= 0
                        target[rows] = -3 - known
            elif column == 12:
                valid = text[at] == 45 and text[at + 1] <= 32
                at += 1
            else:  # a number; the stamp may be `-`, the lateness negative
                negative = column == 2 and text[at] == 45
                if negative:
                    at += 1
                digits = 0
                value = 0
                while text[at] >= 48 and text[at] <= 57 and digits < 19:
                    value = value * 10 + (text[at] - 48)
                    digits += 1
                    at += 1
                if column == 6 and digits == 0 and text[at] == 45:
                    at += 1
                    stamp[rows] = -9223372036854775808
                elif digits == 0 or digits > 18:
                    valid = False
                elif column == 1:
                    due_ns[rows] = value
                elif column == 2:
                    late_ns[rows] = -value if negative else value
                elif column == 3:
                    tick[rows] = value
                elif column == 6:
                    stamp[rows] = value
                elif column == 8:
                    clock[rows] = value
                else:
                    queue[rows] = value
            if not valid:
                break
            byte = text[at]
            if byte == 9 and column < 12:
                at += 1
                column += 1
                continue
            # The end of the line, after 11 columns or 13, and no other.
            if byte == 13:
                at += 1
            is_short = column == 10 and width == 0 and group > 0
            valid = text[at] == 10 and (column == 12 or is_short)
            break
        if valid and at - start <= limit:
            position = at + 1
            number += 1
            line[rows] = number
            rows += 1
            found_starts[rows] = found
            continue
        if found >= found_max and found_before > 0:  # full: this line once more, into fresh columns
            found = found_before
            break
        found = found_before
        at = start
        while text[at] != 10:
            at += 1
        deferred_bounds[2 * deferred] = start
        deferred_bounds[2 * deferred + 1] = at
        position = at + 1
        number += 1
        deferred_lines[deferred] = number
        deferred += 1
    return position, number, rows, found, sets, deferred
