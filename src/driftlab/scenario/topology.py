"""Topologies: which machines can send to each other.

A topology is a mesh, a ring, a star, a random regular graph, or a list of links.
Links have no direction: two linked machines can send to each other.

A random regular graph is drawn by the pairing algorithm of Steger and Wormald,
"Generating Random Regular Graphs Quickly" (Combinatorics, Probability and
Computing 8, 1999): stubs are paired at random, except where that would make a
loop or a double link, and the drawing starts again if only such pairs are left.
"""

from collections.abc import Sequence
from typing import Final

from driftlab.model.random_streams import Purpose, draw, mix, stream, uniform_below
from driftlab.scenario.validate import CHANNELS_MAX, DRAWN_CHANNELS_MAX, ScenarioError

Links = set[tuple[int, int]]

UNCONDITIONAL: Final = ("mesh", "ring", "star")  # valid for any number of machines


def neighbours(
    topology: str, names: Sequence[str], seed: int, run: int
) -> tuple[tuple[int, ...], ...]:
    """Return the neighbours of each machine, as positions in ascending order.

    Args: a scenario's `topology`, the names of the machines in name order, the
    scenario's seed, and the number of the run. Raise ScenarioError if the
    topology does not fit the machines.
    """
    size = len(names)
    kind, _, detail = topology.partition(":")
    if kind in ("mesh", "regular"):
        degree = size - 1 if kind == "mesh" else int(detail)
        most = CHANNELS_MAX if kind == "mesh" else DRAWN_CHANNELS_MAX
        if degree < size and size * degree > most:
            raise ScenarioError(
                f"topology: {topology}: {size} machines with {degree} neighbours each are too many "
                f"here; their product may be at most {most}"
            )
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
        links = listed(topology, names)
    linked: list[set[int]] = [set() for _ in names]
    for one, other in links:
        linked[one].add(other)
        linked[other].add(one)
    return tuple(tuple(sorted(others)) for others in linked)


def ring(size: int) -> Links:
    """Link each machine to the next in name order, and the last to the first."""
    return {(i, (i + 1) % size) for i in range(size)}


def star(size: int) -> Links:
    """Link the first machine to every other."""
    return {(0, i) for i in range(1, size)}


def listed(text: str, names: Sequence[str]) -> Links:
    """Return the links listed by name, as in `A-B,B-C`.

    Raise ScenarioError if a name is unknown, a link joins a machine to itself, or
    a machine has no link.
    """
    positions = {name: position for position, name in enumerate(names)}
    links: Links = set()
    for link in text.split(","):
        ends = link.split("-")
        for name in ends:
            if name not in positions:
                raise ScenarioError(f"topology: {link}: there is no machine {name}")
        one, other = (positions[name] for name in ends)
        if one == other:
            raise ScenarioError(f"topology: {link}: a link joins two different machines")
        links.add((one, other))
    linked = {position for link_ends in links for position in link_ends}
    for name, position in positions.items():
        if position not in linked:
            raise ScenarioError(f"topology: {name} has no link; every machine needs one")
    return links


def regular(size: int, degree: int, seed: int, run: int) -> Links:
    """Draw a random graph in which every machine has `degree` neighbours.

    Args: the number of machines, the degree, the scenario's seed, and the number
    of the run. Raise ScenarioError if there is no such graph.
    """
    if not 1 <= degree < size or degree * size % 2:
        raise ScenarioError(
            f"topology: regular:{degree} is not possible with {size} machines; the number of "
            "neighbours must be less than that of machines, and their product even"
        )
    attempt = 0
    while True:
        key = mix(stream(seed, run, attempt, Purpose.TOPOLOGY))
        links = _pair_stubs(size, degree, key)
        if links is not None:
            return links
        attempt += 1


def _pair_stubs(size: int, degree: int, key: int) -> Links | None:
    """Return the links of one attempt, None if it came to a dead end."""
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
    """Remove and return a random stub; the last one takes its place."""
    index = uniform_below(word, len(stubs))
    stubs[index], stubs[-1] = stubs[-1], stubs[index]
    return stubs.pop()


def _has_free_pair(left: set[int], links: Links) -> bool:
    """Whether any two of the machines left can still be linked."""
    if len(left) * (len(left) - 1) > 2 * len(links):
        return True  # there are more pairs than links
    ordered: Sequence[int] = sorted(left)
    return any(
        (one, other) not in links
        for index, one in enumerate(ordered)
        for other in ordered[index + 1 :]
    )
