"""`driftlab machine NAME`: run one machine, so that a mesh can span terminals and computers."""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from time import time_ns
from typing import Final

from driftlab.api.read_run import read_own_journal
from driftlab.api.run_real import require_real
from driftlab.api.runs import Runs
from driftlab.api.trust import admit_process
from driftlab.cli import EXIT_INTERRUPTED, EXIT_NOT_WHOLE, runs_output
from driftlab.cli.flags import chosen_scenario
from driftlab.cli.terminal import discarding_output, print_error, print_note
from driftlab.errors import DriftlabError, name_list
from driftlab.journal.format import JOURNAL_SUFFIX
from driftlab.journal.run_folder import join_run_folder, leave_run_folder
from driftlab.journal.utc import utc_ns
from driftlab.machine.machine import MachineEndError
from driftlab.network.wire import TOKEN_CHARACTERS_MAX, is_token
from driftlab.real.addresses import Address, AddressError, listen
from driftlab.real.inbound import UNIDENTIFIED_CLOSED
from driftlab.real.launcher import REAL_MACHINES_MAX
from driftlab.real.standalone import run_standalone
from driftlab.real.tcp_host import WorkerConfig
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario

UNIDENTIFIED_LINES_MAX: Final = 20  # different ones that are shown while a machine runs


class MachineError(DriftlabError):
    """A machine cannot be run with these arguments."""


def main(options: argparse.Namespace) -> int:
    """Run one machine and return the exit status."""
    chosen = admit_process(chosen_scenario(options, fresh_seed=False), trust=options.trust)
    if chosen.size > REAL_MACHINES_MAX:
        raise MachineError(f"machines: {chosen.size} are too many; up to {REAL_MACHINES_MAX}")
    scenario = chosen.for_run(chosen.first_run)
    require_real(scenario)
    plan = _plan_of(options.name, scenario)
    addresses = _addresses(options.at, scenario)
    here = Address.parse(options.listen) if options.listen else addresses.pop(plan.name, None)
    missing = [name for name in plan.peers if name not in addresses]
    if missing or here is None:
        names = missing or [plan.name]
        raise MachineError(f"no address for {name_list(names)}; give --at {names[0]}=HOST:PORT")
    _require_distinct({plan.name: here, **addresses})
    start_at_ns = _start_at(options.start_at)
    key = _key(options)
    if key is None and not options.insecure:
        _require_loopback([here, *addresses.values()])
    run_id = _run_id(options.run_id, scenario, has_key=key is not None)
    listener = listen(here, backlog=len(plan.peers) + 64)
    folder = Path(options.out)
    join_run_folder(folder, scenario)
    config = WorkerConfig(
        plan,
        tuple(addresses[peer] for peer in plan.peers),
        run_id,
        scenario.order,
        str(folder / (plan.name + JOURNAL_SUFFIX)),
        None if key is None else key.hex(),
    )

    def say(line: str) -> None:
        if not options.quiet:
            print_note(line)

    where = Address(*listener.getsockname()[:2])
    try:
        waits = f"waiting for {name_list(plan.peers)}"
        open_to = "; without a key: anybody who reaches it can join" if options.insecure else ""
        say(f"{plan.name} listens on {where}, run id {run_id}, {waits}{open_to}")
        whole = run_standalone(
            config,
            listener,
            start_at_ns,
            on_start=lambda lead_ns: say(_start_line(scenario, lead_ns)),
            on_incident=_without_repeated_rejections(say),
        )
    except MachineEndError as error:
        print_error(f"{plan.name}: {error}")
        return EXIT_NOT_WHOLE
    finally:
        leave_run_folder(folder)  # removes the folder if no machine has started
    if not Path(config.journal).exists():
        return EXIT_INTERRUPTED
    run = read_own_journal(scenario, Path(config.journal))
    runs = Runs(scenario, [[run]])
    if not whole:
        with discarding_output():  # the terminal may be what has ended
            _show(options, runs)
        return EXIT_INTERRUPTED
    _show(options, runs)
    return EXIT_NOT_WHOLE if run.has_refusals else 0


def _show(options: argparse.Namespace, runs: Runs) -> None:
    if options.quiet:
        runs_output.print_if_lost(runs)
    else:
        runs_output.print_runs(runs)


def _without_repeated_rejections(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return a reporter of incidents that reports each rejection of a peer not identified once.

    The journal has them all, up to its limit, and the summary their number.
    """
    said: set[str] = set()

    def say_new(line: str) -> None:
        if line.startswith(UNIDENTIFIED_CLOSED):
            if line in said or len(said) == UNIDENTIFIED_LINES_MAX:
                return
            said.add(line)
        say(line)

    return say_new


def _start_line(scenario: Scenario, lead_ns: int) -> str:
    length = f"{scenario.seconds:g} s"
    if scenario.speed != 1:
        length += f", in real time {scenario.seconds / scenario.speed:g} s"
    if lead_ns < 0:
        late = f"{-lead_ns / 1e9:.1f} s after --start-at"
        return f"all connected, {late}; running for {length} from now"
    return f"all connected; starting in {lead_ns / 1e9:.1f} s, running for {length}"


def _plan_of(name: str, scenario: Scenario) -> MachinePlan:
    for plan in plan_run(scenario, scenario.first_run):
        if plan.name == name:
            return plan
    raise MachineError(_unknown(name, scenario))


def _addresses(given: list[str], scenario: Scenario) -> dict[str, Address]:
    addresses = {}
    for text in given:
        name, equals, address = text.partition("=")
        if not equals:
            raise AddressError(f"--at {text!r} is not NAME=HOST:PORT")
        if name not in scenario.machine_names():
            raise MachineError(f"--at {text}: {_unknown(name, scenario)}")
        addresses[name] = Address.parse(address)
    return addresses


def _unknown(name: str, scenario: Scenario) -> str:
    return f"{name} is not a machine of this scenario; it has {name_list(scenario.machine_names())}"


def _start_at(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        start_ns = utc_ns(text)
    except ValueError as error:
        raise MachineError(f"--start-at: {error}") from None
    if start_ns < time_ns():
        raise MachineError(f"--start-at: {text} is in the past; give a time in the future")
    return start_ns


def _key(options: argparse.Namespace) -> bytes | None:
    if options.key is None:
        return None
    if options.insecure:
        raise MachineError("--insecure does without the key that --key names; give one of the two")
    from driftlab.real.key_file import load_key  # loads hmac

    return load_key(options.key)


def _require_distinct(addresses: dict[str, Address]) -> None:
    """Raise MachineError if two machines are said to be at one address."""
    names: dict[Address, str] = {}
    for name, address in sorted(addresses.items()):
        other = names.setdefault(address, name)
        if other != name:
            raise MachineError(f"--at: {other} and {name} are both at {address}")


def _require_loopback(addresses: Iterable[Address]) -> None:
    """Raise MachineError if others than this computer could reach one of the addresses."""
    for address in addresses:
        if not address.is_loopback:
            raise MachineError(
                f"{address} is not on this computer alone: give --key FILE, made by `driftlab "
                "key FILE`, to every machine; or --insecure, and anybody can join"
            )


def _run_id(given: str | None, scenario: Scenario, *, has_key: bool) -> str:
    """Return the run id: the given one, or, where a key proves who joins, a digest."""
    if given is None and not has_key:
        raise MachineError(
            "give --run-id ID, one word for all machines of the run, which no other run uses; "
            "or --key FILE"
        )
    if given is None:
        text = json.dumps(scenario.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    if not is_token(given):
        raise MachineError(
            f"--run-id: {given!r}; allowed: up to {TOKEN_CHARACTERS_MAX} letters, digits, _ and -"
        )
    return given
