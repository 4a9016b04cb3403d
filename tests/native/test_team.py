"""Programs on teams of threads: order, meetings, forks, crowded machines, sleep."""

import ctypes
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from sangja.backend.native import call, driver, team
from sangja.backend.native.address import address_of
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.nest import build
from sangja.backend.native.team import Command, Program
from tests.native.nests import Program as Loops

pytest.importorskip("llvmlite")


def adder(x, out, reverse=False):
    """A kernel: out = x + 1 over rows; in reverse order every thread reads what others made."""
    rows, cols = x.shape
    p = Loops((rows,), (cols,), blocks=min(rows, 8))
    source = p.load(x[::-1] if reverse else x)
    p.store(p.step("add", source, p.const(1.0), dtype="f4"), out)
    return build(p.nest())


def chain(length, rows=64, cols=33):
    """x + 1, reversed, over and over, between two arrays: wrong if anybody runs ahead."""
    a, b = np.zeros((rows, cols), "f4"), np.zeros((rows, cols), "f4")
    kernel = adder(a, b, reverse=True)
    last = a[-1:].ctypes.data, b[-1:].ctypes.data
    pointers = [last[0], b.ctypes.data, last[1], a.ctypes.data]
    commands = [Command(kernel, (0, 1) if i % 2 == 0 else (2, 3)) for i in range(length)]
    program = Program(commands, pointers)
    return program, (a, b)


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_every_command_sees_what_those_before_it_made(threads):
    program, (a, b) = chain(200)
    for repeat in range(1, 6):
        program.run(threads)
        assert (a == 200 * repeat).all()
        assert (b == 200 * repeat - 1).all()


def test_results_are_the_same_bits_on_any_number_of_threads():
    random = np.random.default_rng(0)
    x = random.standard_normal((97, 133)).astype("f4")
    found = []
    for threads in (1, 2, 3, 4):
        p = Loops((97,), (133,), blocks=7)
        v = p.load(x)
        partial = np.zeros((7, 1, 133), "f4")
        out = np.zeros((97, 1), "f4")
        p.store(p.step("sum", p.step("exp", v, dtype="f4"), dtype="f4"), out)
        p.step("fold_sum", v, dtype="f4", operand=p.operand(partial, 133))
        addresses = [array.ctypes.data for array in p.arrays]
        Program([Command(build(p.nest()), tuple(range(3)))], addresses).run(threads)
        found.append((out.tobytes(), partial.tobytes()))
    assert len(set(found)) == 1


def test_a_serial_command_runs_once():
    x = np.zeros((8, 5), "f4")
    kernel = adder(x, x)
    commands = [*[Command(kernel, (0, 1), serial=True)] * 3, Command(kernel, (0, 1))]
    Program(commands, [x.ctypes.data] * 2).run(4)
    assert (x == 4).all()


def test_a_program_that_cannot_be_divided_wakes_nobody(monkeypatch):
    x = np.zeros((8, 5), "f4")
    program = Program([Command(adder(x, x), (0, 1), serial=True)] * 3, [x.ctypes.data] * 2)
    monkeypatch.setattr(team, "team", lambda: pytest.fail("the team was called"))
    program.run(4)
    assert (x == 3).all()


@pytest.mark.parametrize("shape", [(3, 4), (1,), (), (0, 3)])
def test_addresses_are_those_that_numpy_gives(shape):
    x = np.zeros(shape, "f4")
    fixed = np.broadcast_to(np.float32(1), (2, 3))  # not to be written
    for array in (x, x.T, x[..., None][..., ::2], fixed):
        assert address_of(array) == array.ctypes.data


def test_a_pointer_can_lead_elsewhere():
    x, y, out = np.zeros((4, 9), "f4"), np.full((4, 9), 5, "f4"), np.zeros((4, 9), "f4")
    program = Program([Command(adder(x, out), (0, 1))], [x.ctypes.data, out.ctypes.data])
    program.run(1)
    assert (out == 1).all()
    program.set_pointer(0, y.ctypes.data)
    program.run(1)
    assert (out == 6).all()


def test_one_thread_takes_a_built_in_function():
    program, (a, _b) = chain(4)
    assert type(program.alone) is type(len)
    before = sys.getrefcount(None)
    for _ in range(1000):
        assert program.alone() is None
    assert sys.getrefcount(None) - before > -500  # each call gives a reference to None away
    assert (a == 4000).all()


def test_a_short_kernel_alone_calls_nobody():
    kernel = compile_kernel("waits", WAITS)
    one = Command(Kernel("waits", kernel.address, 0.0, None, short=True), (0,))
    assert Program([one], [0]).serial
    assert not Program([one, one], [0]).serial
    assert not Program([Command(kernel, (0,))], [0]).serial


def test_without_pythons_interface_ctypes_calls(monkeypatch):
    call.method.cache_clear()
    monkeypatch.setattr(call.sys.implementation, "name", "another")
    try:
        program, (a, _b) = chain(4)
        program.run(1)
    finally:
        call.method.cache_clear()
    assert type(program.alone) is not type(len)
    assert (a == 4).all()


WAITS = """
define void @waits(ptr %args, i64 %tid, i64 %threads) {
entry:
  %place = load ptr, ptr %args
  br label %again
again:
  %value = load atomic i64, ptr %place seq_cst, align 8
  %some = icmp ne i64 %value, 0
  br i1 %some, label %end, label %again
end:
  ret void
}
"""


@pytest.mark.parametrize("serial", [False, True])
def test_other_threads_go_on_while_a_program_runs(serial):
    flag = np.zeros(1, np.int64)
    command = Command(compile_kernel("waits", WAITS), (0,), serial)
    worker = threading.Thread(target=Program([command], [flag.ctypes.data]).run, args=(1,))
    worker.start()
    flag[0] = 1  # never, if the interpreter's lock were kept
    worker.join()


def test_an_empty_program_is_nothing():
    Program([], []).run(1)
    Program([], []).run(3)


def test_more_threads_than_processors_do_not_stall():
    program, (a, _b) = chain(100)
    begin = time.monotonic()
    program.run(16)
    assert (a == 100).all()
    assert time.monotonic() - begin < 60  # a stall would be for ever


def test_several_threads_of_python_may_run_programs_at_once():
    programs = [chain(50) for _ in range(4)]
    workers = [threading.Thread(target=p.run, args=(2,)) for p, _ in programs]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert all((a == 50).all() for _, (a, _) in programs)


def test_idle_workers_sleep():
    program, (a, _b) = chain(10)
    program.run(3)
    box = team.team().box
    until = time.monotonic() + 30
    while not box[driver.PARKED + 1 : driver.PARKED + 3].all() and time.monotonic() < until:
        time.sleep(0.01)
    assert box[driver.PARKED + 1 : driver.PARKED + 3].all()
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1  # asleep: no time of any processor
    program.run(3)  # and they wake up
    assert (a == 20).all()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no choice of processors here")
def test_workers_wake_up_elsewhere_and_may_then_run_anywhere():
    allowed = os.sched_getaffinity(0)
    done = threading.Event()
    sleeper = threading.Thread(target=done.wait)
    sleeper.start()
    before = team.part(sleeper)
    now = os.sched_getaffinity(sleeper.native_id)
    done.set()
    sleeper.join()
    if len(allowed) > 1:
        assert before == allowed
        assert len(now) == len(allowed) - 1
    program, _ = chain(10)
    program.run(3)
    box = team.team().box
    until = time.monotonic() + 30
    while not box[driver.PARKED + 1 : driver.PARKED + 3].all() and time.monotonic() < until:
        time.sleep(0.01)
    program.run(3)
    for worker in team.team().workers[:2]:
        while os.sched_getaffinity(worker.native_id) != allowed and time.monotonic() < until:
            time.sleep(0.01)
        assert os.sched_getaffinity(worker.native_id) == allowed


def test_waking_and_falling_asleep_again_and_again():
    program, (a, b) = chain(2)
    for repeat in range(1, 60):
        program.run(2)
        assert (a == 2 * repeat).all()
        assert (b == 2 * repeat - 1).all()
        time.sleep(0.0005 * (repeat % 8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_has_a_team_of_its_own():
    program, (a, _b) = chain(20)
    program.run(3)
    child = os.fork()
    if not child:
        program.run(3)
        os._exit(0 if (a == 40).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    program.run(3)
    assert (a == 40).all()


def test_an_interpreter_ends_with_workers_waiting():
    code = (
        "from tests.native.test_team import chain\n"
        "program, arrays = chain(20)\n"
        "program.run(3)\n"
        "print(arrays[0].sum() == 20 * arrays[0].size)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "True", "")


def test_python_may_end_while_threads_still_wait_for_work():
    code = (
        "import sangja\n"
        "sangja.set_num_threads(3)\n"
        "x, w = sangja.ones(8, 16, 28, 28), sangja.ones(20, 16, 5, 5)\n"
        "print(sangja.nn.functional.conv2d(x, w)[0, 0, 0, 0].item())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "400.0", "")


def test_an_interrupt_before_the_run_leaves_the_team_usable(monkeypatch):
    program, (a, _b) = chain(4)
    program.run(2)

    def interrupted():
        raise KeyboardInterrupt

    good = program.together.run
    monkeypatch.setattr(program.together, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        program.run(2)
    monkeypatch.setattr(program.together, "run", good)
    assert team.team().box[driver.CALLED] == 0
    program.run(2)
    assert (a == 8).all()


def test_how_many_threads(monkeypatch):
    monkeypatch.setattr(team, "_choice", team.Choice())
    for given, expected in (("3", 3), ("2,1", 2), ("100000", driver.MOST)):
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        assert team.default_threads() == expected
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= team.default_threads() <= driver.MOST
    team.set_num_threads(5)
    assert team.get_num_threads() == 5
    team.set_num_threads(10**6)
    assert team.get_num_threads() == driver.MOST


def test_a_kernel_alone_takes_its_share():
    """The driver is no magic: the shares of two threads, called by hand, are the whole."""
    x, out = np.zeros((8, 3), "f4"), np.zeros((8, 3), "f4")
    kernel = adder(x, out)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(kernel.address)
    args = np.array([x.ctypes.data, out.ctypes.data], np.uint64)
    call(args.ctypes.data, 1, 2)
    assert (out[:4] == 0).all()
    assert (out[4:] == 1).all()
    call(args.ctypes.data, 0, 2)
    assert (out == 1).all()
