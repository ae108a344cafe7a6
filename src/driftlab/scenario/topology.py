"""Who can send to whom: a mesh, a ring, a star, a random regular graph, or listed links.

Links have no direction: who can send to a process can be sent to by it.
Neighbours are given in name order.

A random regular graph is drawn by the pairing of Steger and Wormald,
"Generating Random Regular Graphs Quickly" (Combinatorics, Probability and
Computing 8, 1999): stubs are joined two by two, only where that makes neither
a loop nor a second link, and all begins anew where no such pair is left.
"""

from collections.abc import Sequence
from typing import Final

from driftlab.model.random_streams import Purpose, draw, mix, stream, uniform_below
from driftlab.scenario.validate import ScenarioError

Links = set[tuple[int, int]]

UNCONDITIONAL: Final = ("mesh", "ring", "star")  # any number of machines, without a look


def neighbours(
    topology: str, roster: Sequence[str], seed: int, run: int
) -> tuple[tuple[int, ...], ...]:
    """Return each process's neighbours, as positions in rising order.

    `topology` is that of a scenario. Raises ScenarioError where it does not
    fit the roster.
    """
    size = len(roster)
    kind, _, detail = topology.partition(":")
    if kind == "mesh":
        everyone = tuple(range(size))
        return tuple(everyone[:i] + everyone[i + 1 :] for i in everyone)
    if kind == "ring":
        links = ring(size)
    elif kind == "star":
        links = star(size)
    elif kind == "regular":
        links = regular(size, int(detail), seed, run)
    else:
        links = listed(topology, roster)
    near: list[set[int]] = [set() for _ in roster]
    for one, other in links:
        near[one].add(other)
        near[other].add(one)
    return tuple(tuple(sorted(others)) for others in near)


def ring(size: int) -> Links:
    """Link each process to the next in name order, and the last to the first."""
    return {(i, (i + 1) % size) for i in range(size)}


def star(size: int) -> Links:
    """Link the first process to every other."""
    return {(0, i) for i in range(1, size)}


def listed(text: str, roster: Sequence[str]) -> Links:
    """Read links by name, `A-B,B-C`. Raises ScenarioError."""
    positions = {name: position for position, name in enumerate(roster)}
    links: Links = set()
    for link in text.split(","):
        ends = link.split("-")
        for name in ends:
            if name not in positions:
                raise ScenarioError(f"topology: {link}: there is no machine {name}")
        one, other = (positions[name] for name in ends)
        if one == other:
            raise ScenarioError(f"topology: {link}: a link joins two machines")
        links.add((one, other))
    linked = {position for link_ends in links for position in link_ends}
    for name, position in positions.items():
        if position not in linked:
            raise ScenarioError(f"topology: {name} has no link; every machine needs one")
    return links


def regular(size: int, degree: int, seed: int, run: int) -> Links:
    """Draw a graph in which every process has `degree` neighbours. Raises ScenarioError."""
    if not 1 <= degree < size or degree * size % 2:
        raise ScenarioError(
            f"topology: regular:{degree} is not possible with {size} machines; the number of "
            "neighbours must be below that of machines, and their product even"
        )
    attempt = 0
    while True:
        key = mix(stream(seed, run, attempt, Purpose.TOPOLOGY))
        links = _pair_stubs(size, degree, key)
        if links is not None:
            return links
        attempt += 1


def _pair_stubs(size: int, degree: int, key: int) -> Links | None:
    stubs = [process for process in range(size) for _ in range(degree)]
    links: Links = set()
    number = 0
    while stubs:
        if not _has_free_pair(set(stubs), links):
            return None
        one = _take_stub(stubs, draw(key, number))
        other = _take_stub(stubs, draw(key, number + 1))
        number += 2
        link = (min(one, other), max(one, other))
        if one == other or link in links:
            stubs += [one, other]
        else:
            links.add(link)
    return links


def _take_stub(stubs: list[int], word: int) -> int:
    """Take a stub out, the last one filling its place."""
    place = uniform_below(word, len(stubs))
    stubs[place], stubs[-1] = stubs[-1], stubs[place]
    return stubs.pop()


def _has_free_pair(left: set[int], links: Links) -> bool:
    """Whether any two of the processes that are left can still be linked."""
    if len(left) * (len(left) - 1) > 2 * len(links):
        return True  # more pairs than links
    ordered: Sequence[int] = sorted(left)
    return any(
        (one, other) not in links
        for place, one in enumerate(ordered)
        for other in ordered[place + 1 :]
    )
