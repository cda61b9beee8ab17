"""A command ends with its code, and what belongs to an end is done; what it holds is not taken apart."""

import subprocess
import sys
from pathlib import Path

import pytest

_CODE = """
import atexit, sys, threading, time
from ensemble_cam.machine.ending import end_at_once

class Held:
    def __del__(self):
        print("taken apart")

held = Held()
held.itself = held
atexit.register(print, "registered")
threading.Thread(target=lambda: (time.sleep(0.3), print("thread"))).start()
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
sys.stdout.write("unfinished line ")
end_at_once({code}, unread=120)
"""


@pytest.mark.parametrize("code", [0, 3, 130])
def test_threads_registered_functions_and_output_come_to_their_end(code):
    done = subprocess.run(
        [sys.executable, "-c", _CODE.format(code=code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "unfinished line thread\nregistered\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe without a reader is POSIX's")
@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "from ensemble_cam.machine.ending import end_at_once; print(1); end_at_once(0, unread=120)"],
        ["-u", "-m", "ensemble_cam", "weights", "list"],
    ],
)
def test_output_that_nobody_reads_has_a_code_and_no_traceback(arguments, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert (process.wait(timeout=60), process.stderr.read()) == (120, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="a signal to itself alone is POSIX's")
def test_second_ctrl_c_ends_what_the_first_one_waits_for():
    code = """
import os, signal, sys, threading, time
from ensemble_cam.machine.ending import end_at_once

signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread(target=time.sleep, args=(600,)).start()
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
sys.stdout.write("written")
end_at_once(130, unread=120)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "written", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["weights", "list"], ["phantom", "--size", "256", "--out"]])
def test_output_that_cannot_be_written_has_a_code_and_a_sentence(arguments, unbuffered, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    command = [sys.executable, "-m", "ensemble_cam", *arguments, *([tmp_path] if arguments[-1] == "--out" else [])]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        silent = subprocess.run(command, stdout=full, stderr=full, timeout=120, check=False)
    assert done.returncode == silent.returncode == 120
    assert done.stderr in (
        "ensemble-cam: nothing more can be written (No space left on device). Free space, or send what is printed "
        "elsewhere.\n",
        "",  # of what is printed at once in the end
    )
