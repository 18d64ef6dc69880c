"""The process that a user starts: what it hands on, what it tells of its child's end, and when it begins again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("no_ignored_signals")]

PATIENCE_S = 60.0
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from pipeline import supervisor
from pipeline.supervisor import supervise
from pipeline.interrupts import exit_code, interrupt_on_signals
here = Path(sys.argv[1])
def work(again):
    with (here / "begun").open("a") as file:
        file.write(f"{os.getpid()} {0 if again is None else again.times}\\n")
    return main(again)
def wait_for_a_wish():
    with interrupt_on_signals("stopping") as interrupt:
        (here / "ready").touch()
        while not interrupt.requested:
            time.sleep(0.01)
    return exit_code(interrupt.number)
"""


def program(folder: Path, root: Path, body: str) -> list[str]:
    """A command: `main(again)` of this body under a supervisor."""
    file = folder / "program.py"
    file.write_text(PROGRAM + textwrap.dedent(body) + "\nsys.exit(supervise(work))\n")
    return [sys.executable, str(file), str(folder)]


def test_a_host_program_that_runs_this_one_in_its_own_process_continues_once(tmp_path: Path, root: Path) -> None:
    """Debuggers, profilers and notebooks do so: nothing of theirs may happen twice."""
    host = f"""
    import runpy, sys
    sys.path.insert(0, {str(root)!r})
    sys.argv = ["run_pipeline.py", "nothing.mp4", "--serial"]
    try:
        runpy.run_path({str(root / "run_pipeline.py")!r}, run_name="__main__")
    except SystemExit as end:
        print("went on", end.code, flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(host)], capture_output=True, text=True, timeout=PATIENCE_S, cwd=tmp_path
    )
    assert done.stdout == "went on 1\n" and "does not exist" in done.stderr


def run(folder: Path, root: Path, body: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = program(folder, root, body)
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment, check=False)


def begun(folder: Path) -> list[tuple[int, int]]:
    """Process and `times` of every child so far."""
    lines = (folder / "begun").read_text().splitlines() if (folder / "begun").exists() else []
    return [(int(pid), int(times)) for pid, times in (line.split() for line in lines)]


def until(condition) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("def main(again): return 0", 0),
        ("def main(again): return 101", 101),  # the letter by which an end is told
        ("def main(again): sys.exit(2)", 2),
        ("def main(again): sys.exit()", 0),
        ("def main(again): raise ValueError('mine')", 1),
    ],
)
def test_a_program_that_ends_by_itself_is_not_started_again(tmp_path: Path, root: Path, body: str, code: int) -> None:
    done = run(tmp_path, root, f"{body}\nsupervisor.ray_starts()")
    assert (done.returncode, len(begun(tmp_path))) == (code, 1)
    assert done.stderr == "" or "ValueError: mine" in done.stderr


@pytest.mark.parametrize("way", ["os._exit(1)", "os.abort()", "supervisor.restart_program()"])
def test_a_program_that_ray_ended_is_started_again(tmp_path: Path, root: Path, way: str) -> None:
    body = f"""
    def main(again):
        supervisor.ray_starts()
        if again is None:
            {way}
        return 7 if again.since <= time.time() else 8
    """
    done = run(tmp_path, root, body)
    assert done.returncode == 7 and [times for _, times in begun(tmp_path)] == [0, 1]
    assert done.stderr.strip().count("\n") == 0 and "it is started again" in done.stderr


def test_what_ray_takes_along_again_and_again_is_given_up(tmp_path: Path, root: Path) -> None:
    done = run(tmp_path, root, "def main(again):\n    supervisor.ray_starts()\n    os._exit(1)")
    assert done.returncode == 1 and [times for _, times in begun(tmp_path)] == [0, 1, 2]
    assert done.stderr.splitlines()[-1].startswith("error: Ray ended") and "--resume" in done.stderr


def test_a_program_that_is_killed_is_not_begun_again(tmp_path: Path, root: Path) -> None:
    body = "def main(again):\n    supervisor.ray_starts()\n    os.kill(os.getpid(), signal.SIGKILL)"
    done = run(tmp_path, root, body)
    assert (done.returncode, len(begun(tmp_path))) == (137, 1)
    assert "SIGKILL" in done.stderr and "--resume" in done.stderr


@pytest.mark.parametrize(
    ("end", "code", "starts"), [("os._exit(1)", 1, 4), ("os.kill(os.getpid(), signal.SIGKILL)", 137, 2)]
)
def test_a_recording_that_is_given_up_is_saved_by_a_last_start(
    tmp_path: Path, root: Path, end: str, code: int, starts: int
) -> None:
    body = f"""
    def main(again):
        if again is not None and again.only_saves:
            print("saved", again.stopped)
            return 0
        supervisor.ray_starts()
        supervisor.recording_starts()
        {end}
    """
    done = run(tmp_path, root, body)
    assert (done.returncode, done.stdout, len(begun(tmp_path))) == (code, "saved None\n", starts)
    assert "--resume" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("group", [False, True], ids=["to it alone", "to its group"])
def test_a_stopping_signal_is_forwarded_once(tmp_path: Path, root: Path, number: int, group: bool) -> None:
    command = program(tmp_path, root, "def main(again): return wait_for_a_wish()")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        until((tmp_path / "ready").exists)
        (os.killpg if group else os.kill)(process.pid, number)
        assert process.wait(PATIENCE_S) == 128 + number
        assert process.stderr is not None
        assert process.stderr.read() == "\nstopping; once more stops at once\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_before_the_start_prints_one_line(tmp_path: Path, root: Path, number: int) -> None:
    command = program(tmp_path, root, "def main(again):\n    time.sleep(600)")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        until(lambda: begun(tmp_path))
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 128 + number
        assert process.stderr is not None and process.stderr.read() == "stopped\n"


def test_a_stopping_signal_that_also_ends_ray_is_obeyed(tmp_path: Path, root: Path) -> None:
    """As where a service manager asks every process at once, and Ray's are the quicker ones."""
    body = """
    def main(again):
        supervisor.ray_starts()
        if again is None:
            signal.signal(signal.SIGTERM, lambda number, frame: os._exit(1))
            (here / "ready").touch()
            time.sleep(600)
        return exit_code(again.stopped)
    """
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(program(tmp_path, root, body), stderr=subprocess.PIPE, env=environment) as process:
        until((tmp_path / "ready").exists)
        process.terminate()
        assert process.wait(PATIENCE_S) == 143
        assert process.stderr is not None and process.stderr.read() == b""
    assert len(begun(tmp_path)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_supervisor_that_is_killed_ends_its_child(tmp_path: Path, root: Path) -> None:
    command = program(tmp_path, root, "def main(again):\n    time.sleep(600)")
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(root)}) as process:
        until(lambda: begun(tmp_path))
        process.kill()
    until(lambda: not lives(begun(tmp_path)[0][0]))


@pytest.mark.skipif(sys.platform != "linux", reason="sessions are looked up in /proc")
def test_what_ray_leaves_behind_is_ended(tmp_path: Path, root: Path) -> None:
    body = """
    def main(again):
        supervisor.ray_starts()
        if again is None:
            import subprocess
            other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
            (here / "other").write_text(str(other.pid))
            os._exit(1)
        return 0
    """
    assert run(tmp_path, root, body).returncode == 0
    until(lambda: not lives(int((tmp_path / "other").read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="sessions are looked up in /proc")
def test_what_ray_leaves_behind_is_ended_when_the_supervisor_is_killed(tmp_path: Path, root: Path) -> None:
    body = """
    def main(again):
        import subprocess
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
        (here / "draft").write_text(str(other.pid))
        (here / "draft").rename(here / "other")
        time.sleep(600)
    """
    with subprocess.Popen(program(tmp_path, root, body), env={**os.environ, "PYTHONPATH": str(root)}) as process:
        until((tmp_path / "other").exists)
        process.kill()
    until(lambda: not lives(int((tmp_path / "other").read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_the_guard_holds_no_file_of_the_program_and_ends_with_it(tmp_path: Path, root: Path) -> None:
    body = """
    def main(again):
        (here / "children").write_text(Path(f"/proc/{os.getppid()}/task/{os.getppid()}/children").read_text())
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    """
    environment = {**os.environ, "PYTHONPATH": str(root)}
    # Returns when no process holds the pipes any longer.
    subprocess.run(program(tmp_path, root, body), capture_output=True, timeout=PATIENCE_S, env=environment, check=False)
    children = [int(pid) for pid in (tmp_path / "children").read_text().split()]
    assert len(children) == 2
    until(lambda: not any(lives(pid) for pid in children))


def test_what_others_write_to_the_terminal_is_kept_from_it(tmp_path: Path, root: Path) -> None:
    body = """
    def main(again):
        supervisor.silence_native_output()
        os.write(2, b"raw")
        print("a sentence", file=sys.stderr)
        return 0
    """
    assert run(tmp_path, root, body).stderr == "a sentence\n"
