"""Texts such as `SEND to 2` say the kind of an event and its peer."""

from pathlib import Path

import pytest

import driftlab

ROWS = """
a;1;{send} b
b;2;{receive} a
b;3;{send} a and c
a;4;{receive} b
c;4;{receive} b
c;5;internal
"""
FORMS = [
    ("send to", "receive from"),
    ("SEND TO", "RECEIVED FROM"),
    ("Sent message to", "Got message from"),
    ("send ->", "recv <-"),
    ("send→", "receive←"),
    ("send (to", "receive (from"),
]


def read(tmp_path: Path, text: str, column: str = "event") -> driftlab.History:
    path = tmp_path / "log.csv"
    path.write_text(f"process;lamport;{column}\n{text.strip()}\n")
    return driftlab.read(path)


@pytest.mark.parametrize("column", ["event", "kind", "action"])
@pytest.mark.parametrize(("send", "receive"), FORMS)
def test_a_text_says_the_kind_and_the_peer(
    send: str, receive: str, column: str, tmp_path: Path
) -> None:
    text = ROWS.format(send=send, receive=receive)
    if "(" in send:
        text = "\n".join(f"{line})" if "(" in line else line for line in text.split("\n"))
    history = read(tmp_path, text, column)
    frame = history.events
    assert frame["kind"].to_list() == ["send", "receive", "receive", "send", "receive", "internal"]
    verdict = history.check()
    assert verdict.verdict == "holds"
    assert not verdict.unknown
    assert verdict.messages == 3
    assert any("texts say whom 5 events sent to or received from" in each
               for each in verdict.assumed)  # fmt: skip
    # A receive that ignores its message is then seen.
    wrong = read(tmp_path, text.replace("c;4;", "c;3;").replace("c;5;", "c;4;"), column).check()
    assert wrong.counts["clock-condition"] == 1


def test_files_name_the_processes_that_texts_have_by_a_word(tmp_path: Path) -> None:
    (tmp_path / "machine_1.csv").write_text("event,lamport\nSEND to 2,1\nRECEIVE from 2,4\n")
    (tmp_path / "machine_2.csv").write_text("event,lamport\nRECEIVE from 1,2\nSEND to 1,3\n")
    history = driftlab.read(tmp_path, format="csv")
    assert list(history.trace.names) == ["1", "2"]
    assert history.check().verdict == "holds"
    assert history.check().messages == 2


@pytest.mark.parametrize(
    "text",
    [
        "a;1;send to disk\nb;2;receive from network\n",  # no processes
        "a;1;internal to b\nb;2;compute from a\n",  # other kinds
        "a;1;receive to b\nb;2;send from a\n",  # who sends does not send from
        "a;1;send to b: hello\nb;2;receive from a: hello\n",  # more than that
        "a;1;forgot to b\nb;2;moved from a\n",
        "a;1;send to b\nb;2;hears from a\n",  # half of it is not understood
    ],
)
def test_other_texts_say_nothing(text: str, tmp_path: Path) -> None:
    history = read(tmp_path, text)
    assert history.trace.columns.target is None
    assert history.trace.columns.sender is None
    assert not any("texts say" in each for each in history.check().assumed)


def test_a_column_of_peers_comes_before_texts(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("process,lamport,kind,to\na,1,send to c,b\nb,2,receive from c,\n")
    history = driftlab.read(path)
    assert history.trace.targets_of(0) == (1,)
    assert history.trace.columns.sender is None


@pytest.mark.parametrize(("name", "is_named"), [("id", True), ("ID", True), ("tag", False)])
def test_a_column_id_names_messages_where_it_stands_so(
    name: str, is_named: bool, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        f"process,lamport,kind,{name}\na,1,send,x1\na,2,send,x2\nb,2,receive,x1\nb,3,receive,x2\n"
    )
    verdict = driftlab.read(path).check()
    assert ("fifo" in verdict.counts) is is_named
    assert any("names messages" in each for each in verdict.assumed) is is_named
    path.write_text(path.read_text().replace("b,2,receive,x1\nb,3,receive,x2",
                                             "b,3,receive,x2\nb,4,receive,x1"))  # fmt: skip
    assert bool(driftlab.read(path).check().counts.get("fifo")) is is_named


def test_an_id_of_each_line_names_no_message(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("id,process,lamport,kind,to\n1,a,1,send,b\n2,b,2,receive,\n3,b,3,internal,\n")
    verdict = driftlab.read(path).check()
    assert verdict.messages == 1
    assert not any("names messages" in each for each in verdict.assumed)


def test_where_vector_clocks_show_the_messages_texts_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text('a {"a":1}\nsend to b\nb {"a":1, "b":1}\nreceive from a\n')
    history = driftlab.read(path)
    assert history.trace.columns.target is None
    assert history.check().messages == 1
