"""What a key costs: a frame sealed and opened beside the bare hashes, and the start of a mesh."""

import os
from hashlib import blake2b
from statistics import median
from time import process_time_ns

from benchmarks.machines import mesh_of
from benchmarks.tables import Table
from driftlab.network import wire
from driftlab.network.sealing import TAG_BYTES, ChannelNames, Opener, Sealer, channel_keys

MACHINES = 20
TEXT = b"Hello A 123456"


def measure(quick: bool) -> list[Table]:
    """Measure both, in pairs taken in turn."""
    pairs = 5 if quick else 15
    frames = 2_000 if quick else 50_000
    ratios = [_sealed_ns(frames) / _bare_ns(frames) for _ in range(pairs)]
    starts = [_start_s(os.urandom(32)) / _start_s(None) for _ in range(pairs)]
    return [
        Table(
            "A key",
            f"{pairs} pairs in turn; processor time of {frames} frames; a mesh of {MACHINES}",
            ("", "median ratio", "lowest", "highest", "limit"),
            [
                ("seal and open / two keyed BLAKE2b", *_of(ratios), 2),
                ("mesh ready with a key / without", *_of(starts), 1.3),
            ],
        )
    ]


def _of(ratios: list[float]) -> tuple[float, float, float]:
    return median(ratios), min(ratios), max(ratios)


def _sealed_ns(frames: int) -> int:
    keys = channel_keys(os.urandom(32), ChannelNames("B", "A", "run"), "a", "b")
    sealer, opener, plain = Sealer(keys), Opener(keys), wire.frame(TEXT.decode())
    began = process_time_ns()
    for _ in range(frames):
        opener.open(sealer.seal(plain)[4:])
    return process_time_ns() - began


def _bare_ns(frames: int) -> int:
    key, text = os.urandom(32), bytes(8) + TEXT
    began = process_time_ns()
    for _ in range(frames):
        blake2b(text, key=key, digest_size=TAG_BYTES).digest()
        blake2b(text, key=key, digest_size=TAG_BYTES).digest()
    return process_time_ns() - began


def _start_s(key: bytes | None) -> float:
    with mesh_of(MACHINES, key) as mesh:
        return mesh.seconds
