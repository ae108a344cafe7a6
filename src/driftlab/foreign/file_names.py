"""Which process a file is of, by its name.

Without other words it is the name without its last suffix: `vm_0` of `vm_0.log`. The
user may say where it stands in the name (`--process-from`). And where the events
name peers that no file is called, but each file has one word that sets it apart and
every peer is one of these words, the words are the processes: peers `1` and `2` of
`machine_1.log` and `machine_2.log`.
"""

import re
from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Final

from driftlab.journal.files import UnreadableError
from driftlab.lazy import lazy_pattern

GZIP_SUFFIX: Final = ".gz"
NAME: Final = "name"  # of `--process-from`: the file's name
FOLDER: Final = "folder"  # the name of its folder

_WORD: Final = lazy_pattern(r"\d+|[^\W\d_]+")


def stem_of(file: str | Path) -> str:
    """Return a file's name without its last suffix, and without that of gzip."""
    return Path(Path(file).name.removesuffix(GZIP_SUFFIX)).stem


def is_note(file: Path) -> bool:
    """Whether a file is a text beside logs, such as README.md, and no log."""
    return file.suffix.lower() == ".md" or file.stem.upper() in ("README", "LICENSE")


def process_from(where: str, file: str | Path) -> str:
    """Return the process that a file is of.

    where: NAME, FOLDER, or a regular expression, whose group (or, without one, whose match) in
    the file's name without its suffix, else with it, else in its folder's is the process.
    Raises UnreadableError.
    """
    path = Path(file)
    folder = path.absolute().parent.name
    if where in (NAME, FOLDER):
        return stem_of(path) if where == NAME else folder
    pattern = compiled(where)
    places = (stem_of(path), path.name, folder)
    match = next(filter(None, map(pattern.search, places)), None)
    if match is None:
        raise UnreadableError(
            f"{file}: --process-from {where} matches neither the file's name nor its folder's"
        )
    found = match[match.lastindex] if match.lastindex else match[0]
    if not found:
        raise UnreadableError(f"{file}: --process-from {where} finds no name in it")
    return found


def names_folders(where: str | None, files: Sequence[Path]) -> bool:
    """Whether files get their processes from their folders' names, so that these are one log."""
    if where is None or where == NAME or not files:
        return False
    if where == FOLDER:
        return True
    pattern = compiled(where)
    in_names = (pattern.search(name) for file in files for name in (file.name, stem_of(file)))
    return not any(in_names) and all(pattern.search(file.absolute().parent.name) for file in files)


def compiled(where: str) -> re.Pattern[str]:
    """Compile the regular expression of a `--process-from`. Raises UnreadableError."""
    try:
        pattern = re.compile(where.replace("(?<", "(?P<") if "(?<" in where else where)
    except re.error as error:
        raise UnreadableError(
            f"--process-from {where}: neither {NAME}, {FOLDER} nor a regular expression: {error}"
        ) from None
    if pattern.groups > 1:
        raise UnreadableError(f"--process-from {where}: more than one group; (?:…) is none")
    return pattern


def words_of(stem: str) -> list[str]:
    """Return the words in a file's name that a process may be called by: `2` of `machine_02`."""
    words = _WORD.findall(stem)
    return [*words, *map(_plain, words)]


def words_apart(stems: Sequence[str], peers: Collection[str]) -> Mapping[str, str] | None:
    """Return the process of each file's name where that is a word in it and peers show it.

    stems: names of the files. peers: the processes that events name. None where files
    are set apart by more than one word, or a peer is none of these words.
    """
    split = [_WORD.findall(stem) for stem in stems]
    if len({len(words) for words in split}) != 1 or len(set(stems)) < len(stems):
        return None
    if len(stems) == 1:
        places = [at for at, word in enumerate(split[0]) if word.isdecimal()]
    else:
        columns = list(zip(*split, strict=True))
        places = [at for at, column in enumerate(columns) if len(set(column)) > 1]
    if len(places) != 1:
        return None
    words = [each[places[0]] for each in split]
    for found in (words, [_plain(word) for word in words]):
        if len(set(found)) == len(found) and _are_called(found, set(peers)):
            return dict(zip(stems, found, strict=True))
    return None


def names_itself(
    hosts: Sequence[str], words: Mapping[str, str], known: Mapping[str, Sequence[Any]]
) -> bool:
    """Whether an event names its own process as its peer, if processes are called by words.

    hosts: of each event the name of its file. words: of each such name the process.
    known: the fields of the log.
    """
    return any(
        peer is not None and str(peer).strip() == words[host]
        for name in ("sender", "targets")
        for peer, host in zip(known.get(name, ()), hosts, strict=False)
    )


def _are_called(words: Sequence[str], peers: Set[str]) -> bool:
    """Whether peers are files by these words, but for some whose files are not there.

    Each word is a peer, or the others are numbers that lack between those of files.
    """
    others = peers - set(words)
    if not others or len(others) == len(peers):
        return not others
    if not all(name.isdecimal() for name in (*words, *others)):
        return set(words) <= peers
    return set(words) <= peers or max(map(int, others)) < max(map(int, words))


def _plain(word: str) -> str:
    return str(int(word)) if word.isdecimal() else word
