"""`driftlab machine NAME`: one machine by hand, so that a mesh can span terminals and hosts."""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from time import time_ns

from driftlab.api.read_run import read_own_journal
from driftlab.api.run_real import require_real
from driftlab.cli import output
from driftlab.cli.scenario_args import chosen_scenario
from driftlab.errors import DriftlabError
from driftlab.journal.format import JOURNAL_SUFFIX
from driftlab.journal.run_folder import join_run_folder, leave_run_folder
from driftlab.journal.utc import utc_ns
from driftlab.machine.failure import ProcessError
from driftlab.machine.process_loader import with_absolute_process_path
from driftlab.network.wire import TOKEN_CHARACTERS_MAX, is_token
from driftlab.real.addresses import Address, AddressError, listen
from driftlab.real.standalone import run_alone
from driftlab.real.worker_config import WorkerConfig
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario

EXIT_INTERRUPTED = 130


class MachineError(DriftlabError):
    """A machine that cannot be run by hand as asked."""


def main(options: argparse.Namespace) -> int:
    """Run one machine and return the exit status."""
    chosen = with_absolute_process_path(chosen_scenario(options, fresh_seed=False))
    scenario = chosen.for_run(chosen.first_run)
    require_real(scenario)
    plan = _plan_of(options.name, scenario)
    addresses = _addresses(options.at, scenario)
    here = Address.parse(options.listen) if options.listen else addresses.pop(plan.name, None)
    missing = [name for name in plan.peers if name not in addresses]
    if missing or here is None:
        names = missing or [plan.name]
        raise MachineError(f"no address for {', '.join(names)}; give --at {names[0]}=HOST:PORT")
    for peer in plan.peers:
        addresses[peer].resolve()  # an address that means nothing is told before anything starts
    start_at_ns = _start_at(options.start_at)
    run_id = _run_id(options.run_id, scenario)
    listener = listen(here, backlog=len(plan.peers) + 64)
    folder = Path(options.out)
    join_run_folder(folder, scenario)
    assignment = WorkerConfig(
        plan,
        tuple(addresses[peer] for peer in plan.peers),
        run_id,
        scenario.order,
        str(folder / (plan.name + JOURNAL_SUFFIX)),
    )

    def say(line: str) -> None:
        if not options.quiet:
            print(line, file=sys.stderr, flush=True)

    where = Address(*listener.getsockname()[:2])
    try:
        say(f"{plan.name} listens on {where}, run id {run_id}, waits for {', '.join(plan.peers)}")
        whole = run_alone(
            assignment,
            listener,
            start_at_ns,
            on_start=lambda lead_ns: say(_start_line(scenario, lead_ns)),
            on_incident=say,
        )
    except ProcessError as error:
        print(f"driftlab: {plan.name}: {error}", file=sys.stderr)
        return output.EXIT_NOT_WHOLE
    finally:
        leave_run_folder(folder)  # however it ended: if nobody has started, nothing stays
    if not options.quiet and Path(assignment.journal).exists():
        output.print_runs([read_own_journal(scenario, Path(assignment.journal))])
    return 0 if whole else EXIT_INTERRUPTED


def _start_line(scenario: Scenario, lead_ns: int) -> str:
    seconds = scenario.seconds / scenario.speed
    if lead_ns < 0:
        return f"all connected, {-lead_ns / 1e9:.1f} s after --start-at; {seconds:g} s from now on"
    return f"all connected; {seconds:g} s from {lead_ns / 1e9:.1f} s on"


def _plan_of(name: str, scenario: Scenario) -> MachinePlan:
    for plan in plan_run(scenario, scenario.first_run):
        if plan.name == name:
            return plan
    raise MachineError(
        f"{name} is no machine of this scenario; it has {_list(scenario.machine_names())}"
    )


def _addresses(given: list[str], scenario: Scenario) -> dict[str, Address]:
    addresses = {}
    for text in given:
        name, equals, address = text.partition("=")
        if not equals:
            raise AddressError(f"--at {text!r} is not NAME=HOST:PORT")
        if name not in scenario.machine_names():
            raise MachineError(
                f"--at {name}: the scenario has only {_list(scenario.machine_names())}"
            )
        addresses[name] = Address.parse(address)
    return addresses


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names if len(names) <= 12 else (*names[:11], "…"))


def _start_at(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        start_ns = utc_ns(text)
    except ValueError as error:
        raise MachineError(f"--start-at: {error}") from None
    if start_ns < time_ns():
        raise MachineError(f"--start-at: {text} is past; name an instant that is still to come")
    return start_ns


def _run_id(given: str | None, scenario: Scenario) -> str:
    """Return the run id: what was given, or a digest that only the same scenario has."""
    if given is None:
        text = json.dumps(scenario.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    if not is_token(given):
        raise MachineError(
            f"--run-id: {given!r}; allowed: letters, digits, _ and -, up to {TOKEN_CHARACTERS_MAX}"
        )
    return given
