"""Children answer apart from this process: whatever becomes of one of them, its request alone fails."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from ensemble_cam.errors import Cancelled
from ensemble_cam.machine import children as pool
from ensemble_cam.machine.children import Children
from ensemble_cam.machine.one_child import CannotStart, ChildError, Died, Killed, Read, TookTooLong

POSIX = pytest.mark.skipif(os.name != "posix", reason="limits and signals of POSIX")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def made(name: str = "support.answering", **options: object) -> Children:
    return Children(name, **{"most": 2, "seconds": 1.0, "most_seconds": 60.0, **options})


@pytest.fixture
def children() -> Iterator[Children]:
    pool = made()
    yield pool
    pool.close()


def whole(head: bytes, length: int, read: Read) -> bytes:
    body = bytearray(length)
    read(memoryview(body))
    return head + b":" + bytes(body)


def pid(children: Children) -> int:
    return int(children.ask(b"pid", whole).rstrip(b":"))


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_answer_of_any_length_comes_whole(children):
    for length in (0, 1, 7, 2**16, 2**16 + 1, 5 * 2**20 + 3):
        text = os.urandom(length)
        assert children.ask(b"echo " + text, whole) == b"heard:" + text


def test_one_child_answers_one_request_after_the_other(children):
    assert len({pid(children) for _ in range(5)}) == 1
    assert children.pids() == [pid(children)]


def test_requests_that_would_wait_get_children_of_their_own_but_no_more_than_allowed(children):
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda n: children.ask(b"echo %d" % n, whole), range(60)))
    assert answers == [b"heard:%d" % n for n in range(60)]
    assert 1 <= len(children.pids()) <= 2


@POSIX
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        pytest.param(b"spin", TookTooLong, id="takes the processor for too long"),
        pytest.param(b"hold", TookTooLong, id="waits for too long with the interpreter's lock in hand"),
        pytest.param(b"die", Died, id="ends"),
        pytest.param(b"die 9", Killed, id="is killed"),
        pytest.param(b"die 11", Died, id="crashes"),
        pytest.param(b"raise", Died, id="raises"),
    ],
)
def test_a_child_that_fails_fails_one_request_and_is_replaced(children, request_, error, capfd):
    first = pid(children)
    with pytest.raises(ChildError) as raised:
        children.ask(request_, whole)
    assert type(raised.value) is error
    assert raised.value.__cause__ is None
    second = pid(children)
    assert second != first
    assert children.pids() == [second]
    assert "patient" not in "".join(capfd.readouterr())


@POSIX
def test_a_request_whose_child_was_killed_from_outside_is_asked_once_more(children, tmp_path):
    first = pid(children)
    assert children.ask(b"die-once " + os.fsencode(tmp_path / "killed"), whole) == b"die-once:"
    assert pid(children) != first


@POSIX
def test_a_request_at_work_when_its_children_are_closed_was_not_killed_from_outside():
    children = made()

    def receive(head: bytes, length: int, read: Read) -> None:
        children.close()
        raise EOFError

    with pytest.raises(Died):
        children.ask(b"echo 1", receive)


@POSIX
def test_a_child_grants_itself_more_once_it_knows_what_a_request_takes(children):
    assert children.ask(b"granted", whole) == b"granted:"


def test_what_a_child_grants_itself_has_a_limit():
    children = made(seconds=0.1, most_seconds=0.1)
    # The clock's signal of the child's own would come after half a minute.
    try:
        with pytest.raises(TookTooLong):
            children.ask(b"granted-and-hold", whole)
    finally:
        children.close()


@LINUX
def test_a_request_that_takes_more_memory_than_it_may_is_told_so_and_the_child_stays(children):
    first = pid(children)
    assert children.ask(b"take 512", whole) == b"out of memory:"
    assert children.ask(b"take 16", whole) == b"take:"
    assert pid(children) == first


def test_what_foreign_code_prints_is_no_answer(children, capfd):
    assert children.ask(b"print", whole) == b"print:"
    assert children.ask(b"echo 1", whole) == b"heard:1"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["badly", "another"])
def test_nonsense_and_the_answer_of_another_request_are_never_taken(how):
    children = made(environment={"ANSWERING": how})
    try:
        with pytest.raises(Died):
            children.ask(b"echo 1", whole)
        assert children.pids() == []
    finally:
        children.close()


def test_what_is_printed_before_a_child_is_ready_is_skipped():
    children = made(environment={"ANSWERING": "noisily 1001"})
    assert children.ask(b"echo 1", whole) == b"heard:1"
    children.close()


def test_a_child_that_prints_without_an_end_cannot_start():
    children = made(environment={"ANSWERING": "noisily 20000"})
    with pytest.raises(CannotStart):
        children.ask(b"echo 1", whole)
    children.close()


@pytest.mark.parametrize("taken", [0, 2, 4])
def test_a_body_that_is_not_taken_to_its_end_and_no_further_is_an_error(children, taken):
    with pytest.raises(Died):
        children.ask(b"echo 123", lambda head, length, read: read(memoryview(bytearray(taken))))
    assert children.ask(b"echo 123", whole) == b"heard:123"


def test_what_a_receiver_raises_comes_out_and_the_next_answer_is_right(children):
    def receive(head: bytes, length: int, read: Read) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        children.ask(b"echo " + b"x" * 2**21, receive)
    assert children.ask(b"echo 123", whole) == b"heard:123"


def test_a_child_that_ended_while_nothing_was_asked_of_it_costs_no_request(children):
    for _ in range(3):
        os.kill(pid(children), signal.SIGTERM)
        assert children.ask(b"echo 1", whole) == b"heard:1"


def test_a_request_is_given_up_once_nobody_waits_for_it(children):
    stop = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(children.ask, b"granted-and-hold", whole, cancelled=stop.is_set)
        wait_for(children.pids)
        stop.set()
        with pytest.raises(Cancelled):
            asked.result(timeout=20)
    assert children.pids() == []
    with pytest.raises(Cancelled):
        children.ask(b"echo 1", whole, cancelled=stop.is_set)


def test_a_waiting_request_is_given_up_too(children):
    stop = threading.Event()
    with ThreadPoolExecutor(3) as threads:
        held = [threads.submit(children.ask, b"granted-and-hold", whole, cancelled=stop.is_set) for _ in range(2)]
        wait_for(lambda: len(children.pids()) == 2)
        waiting = threads.submit(children.ask, b"echo 1", whole, cancelled=stop.is_set)
        stop.set()
        for each in (*held, waiting):
            with pytest.raises(Cancelled):
                each.result(timeout=20)


@pytest.mark.parametrize("name", ["support.no_such_module", "no_such.module", "this"])
def test_a_child_that_cannot_be_started_is_said(name):
    children = made(name)
    children.start()
    with pytest.raises(CannotStart):
        children.ask(b"echo 1", whole)
    children.close()


def test_requests_wait_for_the_child_that_is_there_where_no_further_one_starts(tmp_path):
    children = made(environment={"ANSWERING": f"once {tmp_path / 'started'}"})
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda n: children.ask(b"echo %d" % n, whole), range(60)))
    assert answers == [b"heard:%d" % n for n in range(60)]
    assert len(children.pids()) == 1
    children.close()


@pytest.mark.parametrize("change", [("executable", ""), ("executable", "/no/such/python"), ("frozen", True)])
def test_a_program_that_is_no_python_starts_no_copy_of_itself(monkeypatch, change):
    monkeypatch.setattr(sys, *change, raising=False)
    children = made()
    children.start()
    with pytest.raises(CannotStart):
        children.ask(b"echo 1", whole)


def test_children_beyond_the_first_end_when_nothing_is_asked_of_them(monkeypatch):
    monkeypatch.setattr(pool, "_IDLE_SECONDS", 0.2)
    children = made()
    with ThreadPoolExecutor(2) as threads:
        barrier = threading.Barrier(2)

        def receive(head: bytes, length: int, read: Read) -> None:
            barrier.wait(timeout=60)

        for each in [threads.submit(children.ask, b"pid", receive) for _ in range(2)]:
            each.result(timeout=60)
    assert len(children.pids()) == 2
    wait_for(lambda: len(children.pids()) == 1)
    children.close()


@LINUX
def test_closing_leaves_no_process_and_starts_none(children):
    process = pid(children)
    children.close()
    assert not Path(f"/proc/{process}").exists()  # nor a zombie
    with pytest.raises(CannotStart):
        children.ask(b"echo 1", whole)


PARENT = """
import sys, time
from ensemble_cam.machine.children import Children
children = Children("support.answering", most=1, seconds=60, most_seconds=60)
print(children.ask(b"pid", lambda head, length, read: head.decode()), flush=True)
{then}
"""


def parent(then: str, **options: object) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = PARENT.format(then=then)
    # Started from a shell's background, this process ignores Ctrl-C, and its children would, too.
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-c", code], preexec_fn=heard, stdout=subprocess.PIPE, env=environment, text=True, **options
    )


@LINUX
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_children_end_with_their_parent_however_it_ends(how):
    with parent("time.sleep(600)", stderr=subprocess.DEVNULL) as process:
        child = int(process.stdout.readline())
        assert is_running(child)
        process.send_signal(how)
        process.wait(timeout=60)
        wait_for(lambda: not is_running(child))


@LINUX
def test_children_of_a_process_that_forked_are_its_own_and_end_with_it():
    then = "import os\nif os.fork() == 0: print(children.ask(b'pid', lambda head, *_: head.decode()), flush=True)"
    with parent(then + "\nelse: os.wait()") as process:
        first, second = int(process.stdout.readline()), int(process.stdout.readline())
        assert first != second
        assert process.wait(timeout=60) == 0
        wait_for(lambda: not (is_running(first) or is_running(second)))


@POSIX
def test_a_terminals_ctrl_c_does_not_reach_a_child(children):
    process = pid(children)
    assert os.getsid(process) == process != os.getsid(0)
    os.kill(process, signal.SIGINT)
    assert pid(children) == process


def test_a_script_without_a_main_guard_runs_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "print('once')\nfrom ensemble_cam.machine.children import Children\n"
        "pool = Children('support.answering', most=2, seconds=60, most_seconds=60)\n"
        "print(pool.ask(b'echo 1', lambda head, length, read: read(memoryview(bytearray(length)))))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # What lies where the program was started is not imported by a child.
    (tmp_path / "struct.py").write_text("raise SystemExit")
    done = subprocess.run(
        [sys.executable, "-P", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "once\nNone\n", done.stderr
