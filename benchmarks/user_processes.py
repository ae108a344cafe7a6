"""Processes as a user of driftlab would write them: the die of the assignment, and PHOLD.

PHOLD in driftlab's terms: every process starts with JOBS messages to different
peers; a process that receives one sends one to a random peer.
"""

from driftlab import Message, Process, Send

JOBS = 10  # a process sends at its first tick


class Dice(Process):
    """The die of the assignment as in the manual: a float and two comparisons."""

    send_one = 0.2
    send_all = 0.1

    def idle(self) -> Send | None:
        """Roll: one peer, every peer, or nothing."""
        machine = self.machine
        share = machine.random.uniform()
        if share < self.send_one:
            return Send(machine.peers[int(share / self.send_one * len(machine.peers))])
        if share < self.send_one + self.send_all:
            return Send(machine.peers)
        return None


class ManyDice(Dice):
    """The same for many machines, where a message to everybody would drown them all."""

    send_one = 0.3
    send_all = 0.0


class Phold(Process):
    """PHOLD: a process that receives a message sends one on."""

    def idle(self) -> Send | None:
        """Begin with JOBS messages to different peers; after that wait."""
        machine = self.machine
        if machine.tick:
            return None
        first = machine.random.below(len(machine.peers))
        doubled = machine.peers * 2
        return Send(doubled[first : first + JOBS])

    def receive(self, message: Message) -> Send:
        """Send one on to a random peer."""
        machine = self.machine
        return Send(machine.random.choice(machine.peers))
