"""Connections that prove they hold the key of a run: the arithmetic, without I/O.

Who accepts a connection sends a challenge, a nonce. Who dialled answers with an
introduction that has a nonce of its own and a tag that only a holder of the key can
make, and the other proves itself in the same way. Of both nonces, both names and the
run a key is derived for this connection alone, and every later frame carries a tag over
its number and its text. So a frame that was changed, doubled, left out, out of order or
recorded on another connection is refused. `docs/wire.md` has it byte by byte.

Tags are keyed BLAKE2b (RFC 7693), 16 bytes. Limit: nothing is secret. Whoever sees the
network reads every message, and can always cut a connection.
"""

import re
from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, NamedTuple

from driftlab.network.handshake import (
    CHALLENGE,
    Acceptor,
    Dialler,
    Handshakes,
    Introduction,
    require_run,
)
from driftlab.network.wire import FRAME_BYTES_MAX, WireError, frame, is_token

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 16
TAG_BYTES: Final = 16
_COUNTER_BYTES: Final = 8
_LENGTH_BYTES: Final = 4

_NONCE = re.compile(rf"{CHALLENGE}([0-9a-f]{{{2 * NONCE_BYTES}}})", re.ASCII)
_IAM = re.compile(
    rf"(Iam (\S+) (\S+) ([0-9a-f]{{{2 * NONCE_BYTES}}}) (0|[1-9]\d{{0,18}}))"
    rf" ([0-9a-f]{{{2 * TAG_BYTES}}})",
    re.ASCII,
)
_PROOF = re.compile(rf"Proof ([0-9a-f]{{{2 * TAG_BYTES}}})", re.ASCII)


class SealError(WireError):
    """A frame without the tag that a holder of the key would have made."""


class ChannelNames(NamedTuple):
    """What a channel's key is bound to, besides nonces: dialling machine, accepting one, run."""

    dialler: str
    acceptor: str
    run_id: str


class SealedIam(NamedTuple):
    """An introduction with a proof.

    nonce: of the dialling machine, in hexadecimal. incarnation: rises each time that
    machine is started. signed: what the tag is over.
    """

    name: str
    run_id: str
    nonce: str
    incarnation: int
    signed: str
    tag: bytes


class ChannelKeys(NamedTuple):
    """The keys of one connection: of what the dialling and what the accepting side proves."""

    dialler: bytes
    acceptor: bytes


def channel_keys(
    key: bytes, names: ChannelNames, acceptor_nonce: str, dialler_nonce: str
) -> ChannelKeys:
    """Derive the keys of one connection.

    key: of the run, KEY_BYTES. names: what the keys are bound to besides the nonces, which
    are in hexadecimal: one of each side.
    """
    bound = f"{acceptor_nonce} {dialler_nonce} {names.dialler} {names.acceptor} {names.run_id}"
    return ChannelKeys(
        *(
            blake2b(f"driftlab 1 {side} {bound}".encode(), key=key, digest_size=KEY_BYTES).digest()
            for side in ("dialler", "acceptor")
        )
    )


def nonce_frame(nonce: str) -> bytes:
    """Return the frame of a challenge. nonce: in hexadecimal."""
    return frame(f"{CHALLENGE}{nonce}")


def parse_nonce(text: str) -> str:
    """Return the nonce of a challenge. Raise WireError if it is malformed."""
    match = _NONCE.fullmatch(text)
    if match is None:
        raise WireError("the peer sent no challenge; has it the key of this run?")
    return match[1]


def sealed_iam(keys: ChannelKeys, names: ChannelNames, nonce: str, incarnation: int) -> bytes:
    """Return the frame of an introduction with its proof.

    keys, names: of the connection. nonce, incarnation: those of `SealedIam`.
    """
    text = f"Iam {names.dialler} {names.run_id} {nonce} {incarnation}"
    return frame(f"{text} {_tag(keys.dialler, 0, text.encode()).hex()}")


def parse_sealed_iam(text: str) -> SealedIam:
    """Return the introduction of a frame, not yet verified. Raise WireError if malformed."""
    match = _IAM.fullmatch(text)
    if match is None or not (is_token(match[2]) and is_token(match[3])):
        raise WireError("an introduction without a proof; this run has a key")
    signed, name, run_id, nonce, incarnation, tag = match.groups()
    return SealedIam(name, run_id, nonce, int(incarnation), signed, bytes.fromhex(tag))


def require_proof(iam: SealedIam, keys: ChannelKeys) -> None:
    """Raise SealError if an introduction was not made by a holder of the key."""
    if not compare_digest(_tag(keys.dialler, 0, iam.signed.encode()), iam.tag):
        raise SealError(f"{iam.name} does not prove that it has the key of this run")


def proof_frame(keys: ChannelKeys) -> bytes:
    """Return the frame by which the accepting side proves itself."""
    return frame(f"Proof {_tag(keys.acceptor, 0, b'').hex()}")


def require_acceptor(text: str, keys: ChannelKeys) -> None:
    """Raise SealError if a frame is not the proof of an acceptor that holds the key."""
    match = _PROOF.fullmatch(text)
    if match is None or not compare_digest(_tag(keys.acceptor, 0, b""), bytes.fromhex(match[1])):
        raise SealError("the peer does not prove that it has the key of this run")


class Sealer:
    """Seals the frames of one connection, in order."""

    __slots__ = ("_count", "_key")

    def __init__(self, keys: ChannelKeys) -> None:
        self._key = keys.dialler
        self._count = 0

    def seal(self, plain: bytes) -> bytes:
        """Return the next frame with its tag. plain: the frame without one."""
        self._count += 1
        text = plain[_LENGTH_BYTES:]
        tag = blake2b(
            self._count.to_bytes(_COUNTER_BYTES, "big") + text,
            key=self._key,
            digest_size=TAG_BYTES,
        ).digest()
        return (len(text) + TAG_BYTES).to_bytes(_LENGTH_BYTES, "big") + text + tag


class Opener:
    """Opens the frames of one connection, in order."""

    __slots__ = ("_count", "_key")

    def __init__(self, keys: ChannelKeys) -> None:
        self._key = keys.dialler
        self._count = 0

    def open(self, sealed: bytes) -> bytes:
        """Return the text of the next frame. Raise SealError if its tag is wrong.

        sealed: the text and its tag, without the length.
        """
        self._count += 1
        text = sealed[:-TAG_BYTES]
        tag = blake2b(
            self._count.to_bytes(_COUNTER_BYTES, "big") + text,
            key=self._key,
            digest_size=TAG_BYTES,
        ).digest()
        if not compare_digest(tag, sealed[-TAG_BYTES:]):
            raise SealError(f"frame {self._count} of the connection has a wrong tag")
        return text


class KeyedHandshakes(Handshakes):
    """Handshakes that prove, in both directions, that a machine holds the run's key.

    Args: the machine's own name, the id of the run, the key, a number that rises each
    time this machine is started, and what returns a new random nonce in hexadecimal.
    """

    is_proven = True
    frame_bytes_max = FRAME_BYTES_MAX + TAG_BYTES

    def __init__(
        self, name: str, run_id: str, key: bytes, incarnation: int, new_nonce: Callable[[], str]
    ) -> None:
        super().__init__(name, run_id)
        self._key = key
        self._incarnation = incarnation
        self._new_nonce = new_nonce

    def accept(self) -> Acceptor:
        """Return the accepting side of a new connection."""
        return _KeyedAcceptor(self._name, self._run_id, self._key, self._new_nonce())

    def dial(self, peer: str) -> Dialler:
        """Return the dialling side of a new connection to a peer."""
        names = ChannelNames(self._name, peer, self._run_id)
        return _KeyedDialler(names, self._key, self._incarnation, self._new_nonce())


class _KeyedAcceptor(Acceptor):
    def __init__(self, name: str, run_id: str, key: bytes, nonce: str) -> None:
        super().__init__(run_id)
        self._name = name
        self._key = key
        self._nonce = nonce
        self.greeting = nonce_frame(nonce)

    def introduce(self, text: str) -> Introduction:
        iam = parse_sealed_iam(text)
        require_run(iam.name, iam.run_id, self._run_id)
        if iam.nonce == self._nonce:
            raise SealError("the introduction repeats this machine's nonce")
        names = ChannelNames(iam.name, self._name, self._run_id)
        keys = channel_keys(self._key, names, self._nonce, iam.nonce)
        require_proof(iam, keys)
        return Introduction(iam.name, iam.incarnation, proof_frame(keys), Opener(keys).open)


class _KeyedDialler(Dialler):
    def __init__(self, names: ChannelNames, key: bytes, incarnation: int, nonce: str) -> None:
        super().__init__(greeting=b"")
        self._names = names
        self._key = key
        self._incarnation = incarnation
        self._nonce = nonce
        self._keys: ChannelKeys | None = None
        self._sealer: Sealer | None = None
        self.is_open = False

    def hear(self, text: str) -> bytes:
        if self._keys is None:
            nonce = parse_nonce(text)
            if nonce == self._nonce:
                raise SealError("the peer's challenge repeats this machine's nonce")
            self._keys = channel_keys(self._key, self._names, nonce, self._nonce)
            return sealed_iam(self._keys, self._names, self._nonce, self._incarnation)
        if self.is_open:
            raise WireError("wrote on a channel that it only reads")
        require_acceptor(text, self._keys)
        self._sealer = Sealer(self._keys)
        self.is_open = True
        return b""

    def seal(self, plain: bytes) -> bytes:
        assert self._sealer is not None, "the channel is not open yet"
        return self._sealer.seal(plain)


def _tag(key: bytes, count: int, text: bytes) -> bytes:
    """Return the tag of a frame by its number on the connection and its text."""
    return blake2b(
        count.to_bytes(_COUNTER_BYTES, "big") + text, key=key, digest_size=TAG_BYTES
    ).digest()
