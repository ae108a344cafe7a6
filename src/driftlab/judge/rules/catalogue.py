"""Every rule there is, in the order in which they are told."""

from typing import Final

from driftlab.judge.rules.causality import BEFORE_SENT
from driftlab.judge.rules.channels import DELIVERED_TWICE, FIFO, FROM_NOWHERE
from driftlab.judge.rules.hybrid import HYBRID_BOUND, HYBRID_CONDITION, HYBRID_STEP
from driftlab.judge.rules.inbox import INBOX_ORDER, ONE_OPERATION, QUEUE
from driftlab.judge.rules.lamport import CLOCK_CONDITION, LAMPORT_STEP, STAMP
from driftlab.judge.rules.losses import LOST_MESSAGE, SEND_TO_ALL
from driftlab.judge.rules.pacing import DUE, PACING, PROCESS_ORDER
from driftlab.judge.rules.peer_choice import PEER_CHOICE
from driftlab.judge.rules.rule import Rule
from driftlab.judge.rules.vectors import (
    MATRIX_MERGE,
    VECTOR_AHEAD,
    VECTOR_BACK,
    VECTOR_MERGE,
    VECTOR_OWN,
)

RULES: Final[dict[str, Rule]] = {
    rule.name: rule
    for rule in (
        PROCESS_ORDER,
        CLOCK_CONDITION,
        LAMPORT_STEP,
        STAMP,
        VECTOR_BACK,
        VECTOR_MERGE,
        VECTOR_OWN,
        VECTOR_AHEAD,
        MATRIX_MERGE,
        HYBRID_CONDITION,
        HYBRID_BOUND,
        HYBRID_STEP,
        FROM_NOWHERE,
        BEFORE_SENT,
        DELIVERED_TWICE,
        FIFO,
        LOST_MESSAGE,
        SEND_TO_ALL,
        INBOX_ORDER,
        QUEUE,
        ONE_OPERATION,
        DUE,
        PACING,
        PEER_CHOICE,
    )
}
