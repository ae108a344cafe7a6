"""`driftlab completion SHELL`: a script that completes commands and flags, from the parsers."""

import argparse
from shlex import quote
from typing import Final, NamedTuple

from driftlab.cli.commands import COMMANDS

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


def _flags_of(name: str) -> list[_Flag]:
    """Return the flags of a command."""
    from driftlab.cli.main import command_parser

    return [
        _Flag(
            action.option_strings[-1],
            _sentence(action.help or ""),
            action.nargs != _NO_VALUE,
            tuple(map(str, action.choices or ())),
        )
        for action in command_parser(name)._actions
        if action.option_strings
    ]


def _sentence(text: str) -> str:
    """Return the beginning of a help text, as a description of one line."""
    first = text.replace("%%", "%").replace("\n", " ").split(" (default")[0].split("; ")[0]
    return first if len(first) <= 70 else f"{first[:69]}…"


def _words(command: str) -> str:
    if command == "help":
        return " ".join(COMMANDS)
    if command == "completion":
        return "bash zsh fish"
    return " ".join(flag.name for flag in _flags_of(command))


def _bash() -> str:
    cases = "\n".join(f"        {name}) words={quote(_words(name))} ;;" for name in COMMANDS)
    valued = sorted({f.name for name in COMMANDS for f in _flags_of(name) if f.takes_value})
    first = quote(" ".join([*COMMANDS, "--help", "--version"]))
    return f"""\
# bash completion of driftlab: eval "$(driftlab completion bash)"
_driftlab() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words
    COMPREPLY=()
    if [[ $COMP_CWORD == 1 ]]; then
        COMPREPLY=($(compgen -W {first} -- "$word"))
        return
    fi
    case $before in
        {"|".join(valued)}) return ;;
    esac
    case ${{COMP_WORDS[1]}} in
{cases}
        *) return ;;
    esac
    if [[ $word == -* || ${{COMP_WORDS[1]}} == help || ${{COMP_WORDS[1]}} == completion ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    fi
}}
complete -o bashdefault -o default -F _driftlab driftlab
"""


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
    if command in ("help", "completion"):
        return f"_values word {_words(command)}"
    specs = [quote(_zsh_spec(flag)) for flag in _flags_of(command)]
    return " ".join(["_arguments", *specs, quote("*:file:_files")])


def _zsh_spec(flag: _Flag) -> str:
    about = "".join(f"\\{each}" if each in "[]:\\" else each for each in flag.summary)
    value = f":value:({' '.join(flag.choices)})" if flag.choices else ":value:_files"
    return f"*{flag.name}[{about}]{value if flag.takes_value else ''}"


def _fish() -> str:
    lines = ["# fish completion of driftlab: driftlab completion fish | source"]
    for name, about in COMMANDS.items():
        text = f"-a {name} -d {_fish_text(about.summary)}"
        lines.append(f"complete -c driftlab -n __fish_use_subcommand -f {text}")
    for name in COMMANDS:
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        if name in ("help", "completion"):
            lines.append(f"complete -c driftlab {seen} -f -a {quote(_words(name))}")
            continue
        for flag in _flags_of(name):
            value = f" -x -a {quote(' '.join(flag.choices))}" if flag.choices else " -r"
            text = f"-l {flag.name.removeprefix('--')} -d {_fish_text(flag.summary)}"
            lines.append(f"complete -c driftlab {seen} {text}{value if flag.takes_value else ''}")
    return "\n".join(lines) + "\n"


def _fish_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
