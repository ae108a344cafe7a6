"""The completion scripts in the shells that they are for; a shell that is not there is left out."""

import shutil
import subprocess
from pathlib import Path

import pytest

from driftlab.cli.commands import COMMANDS
from driftlab.cli.main import command_parser
from tests.started import driftlab

# A line that is typed, and what its last word can become.
COMPLETED = {
    "driftlab sim": ["simulate"],
    "driftlab st": ["stats", "study"],
    "driftlab simulate --ra": ["--rates"],
    "driftlab check mine.toml --gith": ["--github"],
    "driftlab help simu": ["simulate"],
    "driftlab completion z": ["zsh"],
    "driftlab simulate --clock v": ["vector"],
    "driftlab run --order p": ["peers"],
    "driftlab simulate --record s": ["summary"],
    "driftlab convert a b --to json": ["json", "jsonl"],
    "driftlab run few": ["few-internal-events"],
    "driftlab claims fastest-n": ["fastest-never-jumps"],
    "driftlab plot x que": ["queue"],
    "driftlab run mi": ["mine.toml"],
    "driftlab run --out mi": ["mine.toml"],
    "driftlab cut x --clock mi": ["mine.toml"],  # a number: the shell may try files
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the scripts, a command that answers them, and a file."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        (folder / f"script.{shell}").write_text(driftlab("completion", shell).stdout)
    (folder / "mine.toml").touch()
    return folder


def answer(shell: str, folder: Path, *arguments: str) -> list[str]:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed here")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, cwd=folder, check=True,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split("\n")


BASH = """
source script.bash
compopt() { :; }
COMP_WORDS=($1)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_driftlab
[[ $COMPREPLY ]] || COMPREPLY=($(compgen -f -- ${COMP_WORDS[COMP_CWORD]}))  # as `-o default`
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("line", COMPLETED)
def test_bash_completes(line: str, folder: Path) -> None:
    found = answer("bash", folder, "-c", BASH, "bash", line)
    assert sorted(filter(None, found)) == COMPLETED[line]


@pytest.mark.parametrize("line", COMPLETED)
def test_fish_completes(line: str, folder: Path) -> None:
    found = answer("fish", folder, "-c", f"source script.fish; complete -C '{line}'")
    assert sorted(each.partition("\t")[0] for each in found if each) == COMPLETED[line]


# A shell on a terminal of its own types each line, and a tab; a unique word is completed there,
# and of several the list is shown. It is read until what is to come has come.
ZSH = r"""
zmodload zsh/zpty
zpty -b shell 'zsh -f -i'
zpty -w shell 'PS1=; autoload -Uz compinit; compinit -u -D; source script.zsh; print LOA""DED'
zpty -r -m shell text '*LOADED*' || exit 1
while (( $# )); do
    zpty -w -n shell "$1"$'\t\t'
    zpty -r -m shell text "*$2*" || exit 1
    print -r -- "$1 => $2"
    zpty -w -n shell $'\C-u'
    shift 2
done
zpty -d shell
"""


def test_zsh_completes(folder: Path) -> None:
    lines = {line: words[-1] for line, words in COMPLETED.items()}
    pairs = [text for pair in lines.items() for text in pair]
    found = answer("zsh", folder, "-f", "-c", ZSH, "zsh", *pairs)
    assert found[:-1] == [f"{line} => {word}" for line, word in lines.items()]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("help", "completion")])
def test_bash_completes_every_flag_of_a_command(name: str, folder: Path) -> None:
    flags = [flag for each in command_parser(name)._actions for flag in each.option_strings[-1:]]
    found = answer("bash", folder, "-c", BASH, "bash", f"driftlab {name} --")
    assert sorted(filter(None, found)) == sorted(flags)
