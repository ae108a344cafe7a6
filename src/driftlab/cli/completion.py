"""`driftlab completion SHELL`: a script that completes commands, flags and values.

Values are completed where a flag has a few of its own (`--clock vector`), and the names of
built-in scenarios, studies and claims; anything else as the shell completes files.
"""

import argparse
from collections.abc import Iterable
from functools import cache
from shlex import quote
from typing import Final, NamedTuple

from driftlab.cli.commands import COMMANDS

SHELLS: Final = ("bash", "zsh", "fish")
ONLY_WORDS: Final = ("help", "completion")  # commands whose argument is never a file
_NO_VALUE: Final = 0  # argparse's `nargs` of a flag that takes none


class _Flag(NamedTuple):
    """A flag: its name, what it does, whether a value follows, and the values if they are few."""

    name: str
    summary: str
    takes_value: bool
    choices: tuple[str, ...]


def main(options: argparse.Namespace) -> int:
    """Print the script and return the exit status."""
    script = {"bash": _bash, "zsh": _zsh, "fish": _fish}[options.shell]()
    print(script, end="")
    return 0


@cache
def _values() -> dict[str, tuple[str, ...]]:
    """Return the values that a flag may have, where these are a few words."""
    from driftlab.clocks.catalogue import CLOCKS
    from driftlab.foreign.registry import FORMATS
    from driftlab.scenario.topology import UNCONDITIONAL

    written = (name for name, each in FORMATS.items() if each.writer)
    return {
        "--clock": tuple(CLOCKS), "--format": tuple(FORMATS), "--from": tuple(FORMATS),
        "--order": ("peers", "arrival"), "--phase": ("random", "aligned"),
        "--time-unit": ("ns", "us", "ms", "s"), "--to": (*written, "jsonl"),
        "--topology": UNCONDITIONAL,
    }  # fmt: skip


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """Return, by command, the words that its first argument may be, besides a file."""
    from driftlab.figures.frame_figures import FRAME_FIGURES
    from driftlab.figures.run_figures import RUN_FIGURES
    from driftlab.scenario.builtin import BUILT_IN
    from driftlab.study.claims.registry import CLAIMS
    from driftlab.study.study_file import studies

    scenarios = dict.fromkeys(("run", "simulate", "predict", "sweep"), tuple(BUILT_IN))
    return scenarios | {
        "claims": tuple(claim.id for claim in CLAIMS),
        "completion": SHELLS,
        "help": tuple(COMMANDS),
        "plot": tuple(dict.fromkeys([*RUN_FIGURES, *FRAME_FIGURES])),
        "study": tuple(studies()),
    }


@cache
def _flags_of(name: str) -> list[_Flag]:
    """Return the flags of a command. Of `cut` a clock is a number."""
    from driftlab.cli.main import command_parser

    values = {} if name == "cut" else _values()
    return [
        _Flag(
            action.option_strings[-1],
            _sentence(action.help or ""),
            action.nargs != _NO_VALUE,
            tuple(map(str, action.choices or values.get(action.option_strings[-1], ()))),
        )
        for action in command_parser(name)._actions
        if action.option_strings
    ]


def _sentence(text: str) -> str:
    """Return the beginning of a help text, as a description of one line."""
    first = text.replace("%%", "%").replace("\n", " ").split(" (default")[0].split("; ")[0]
    return first if len(first) <= 70 else f"{first[:69]}…"


def _bash() -> str:
    flags = "\n".join(
        f"            {name}) words={quote(_joined(flag.name for flag in _flags_of(name)))} ;;"
        for name in COMMANDS
    )
    names = "\n".join(f"            {n}) words={quote(_joined(w))} ;;" for n, w in _names().items())
    first = quote(_joined([*COMMANDS, "--help", "--version"]))
    return f"""\
# bash completion of driftlab: eval "$(driftlab completion bash)"
_driftlab() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
    local command=${{COMP_WORDS[1]}}
    COMPREPLY=()
    if [[ $COMP_CWORD == 1 ]]; then
        COMPREPLY=($(compgen -W {first} -- "$word"))
        return
    fi
    case "$command $before" in
{_bash_values()}
    esac
    if [[ $word == -* ]]; then
        case $command in
{flags}
        esac
    else
        case $command in
{names}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    [[ $command == help || $command == completion ]] && compopt +o default +o bashdefault
}}
complete -o bashdefault -o default -F _driftlab driftlab
"""


def _bash_values() -> str:
    """Return the cases of bash after a flag that takes a value: its words, or a file."""
    cases: dict[str, list[str]] = {}  # by what is done, the commands and flags
    for name in COMMANDS:
        for flag in _flags_of(name):
            if flag.takes_value:
                words = f'COMPREPLY=($(compgen -W {quote(_joined(flag.choices))} -- "$word")); '
                action = f"{words if flag.choices else ''}return"
                cases.setdefault(action, []).append(f'"{name} {flag.name}"')
    return "\n".join(f"        {'|'.join(found)}) {action} ;;" for action, found in cases.items())


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)


def _zsh() -> str:
    listed = "\n".join(
        f"        {quote(name + ':' + about.summary)}" for name, about in COMMANDS.items()
    )
    cases = "\n".join(f"        {name}) {_zsh_arguments(name)} ;;" for name in COMMANDS)
    return f"""\
#compdef driftlab
# zsh completion of driftlab: eval "$(driftlab completion zsh)"
_driftlab() {{
    local -a commands
    commands=(
{listed}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}
    esac
}}
compdef _driftlab driftlab
"""


def _zsh_arguments(command: str) -> str:
    words = _joined(_names().get(command, ()))
    if command in ONLY_WORDS:
        return f"_values word {words}"
    specs = [quote(_zsh_spec(flag)) for flag in _flags_of(command)]
    files = f"_alternative 'files:file:_files' 'names:name:({words})'" if words else "_files"
    return _joined(
        ["_arguments", *specs, quote(f"*:file:{{ {files} }}" if words else "*:file:_files")]
    )


def _zsh_spec(flag: _Flag) -> str:
    about = "".join(f"\\{each}" if each in "[]:\\" else each for each in flag.summary)
    value = f":value:({_joined(flag.choices)})" if flag.choices else ":value:_files"
    return f"*{flag.name}[{about}]{value if flag.takes_value else ''}"


# The command is the first argument: another may have its name, as in `help study`.
_FISH_HEAD: Final = """\
# fish completion of driftlab: driftlab completion fish | source
function __driftlab_command_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end"""


def _fish() -> str:
    lines = [_FISH_HEAD]
    for name, about in COMMANDS.items():
        text = f"-a {name} -d {_fish_text(about.summary)}"
        lines.append(f"complete -c driftlab -n __fish_use_subcommand -f {text}")
    for name in COMMANDS:
        seen = f"-n '__driftlab_command_is {name}'"
        if name in _names():
            only = "-f " if name in ONLY_WORDS else ""
            words = quote(_joined(_names()[name]))
            lines.append(f"complete -c driftlab {seen} {only}-a {words}")
        for flag in () if name in ONLY_WORDS else _flags_of(name):
            value = f" -x -a {quote(_joined(flag.choices))}" if flag.choices else " -r"
            text = f"-l {flag.name.removeprefix('--')} -d {_fish_text(flag.summary)}"
            lines.append(f"complete -c driftlab {seen} {text}{value if flag.takes_value else ''}")
    return "\n".join(lines) + "\n"


def _fish_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
