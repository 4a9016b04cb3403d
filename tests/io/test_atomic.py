"""A file is the whole old one or the whole new one: kills, full disks, two writers, power cuts."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import interrupt, raise_errno, watched

from sangja.core.errors import CheckpointError, SaveError
from sangja.io import atomic, load, write_atomically, write_text

HERE = Path(__file__).parent
ORDER = ["create", "lock", "write", "sync file", "replace", "open folder", "sync folder"]


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, *(str(argument) for argument in arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def output_of(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


def run(*arguments: object) -> str:
    return output_of(start(*arguments))


def test_order_of_calls(tmp_path):
    with watched() as calls:
        write_atomically(tmp_path / "new", b"content")
    assert calls == ORDER


def test_bytes_text_and_function_are_written(tmp_path):
    write_atomically(tmp_path / "a", b"\x00\xff")
    write_atomically(tmp_path / "b", lambda file: [file.write(b"one"), file.write(b"two")])
    write_text(tmp_path / "c", "상자\r\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_bytes() == b"onetwo"
    assert (tmp_path / "c").read_bytes() == "상자\r\n".encode()
    assert len(os.listdir(tmp_path)) == 3


def test_kill_9_never_loses_a_checkpoint(tmp_path):
    report = json.loads(run(HERE / "killed_saves.py", tmp_path, 20240607, 200))
    assert report["kills"] == 200 + 2 * len(report["calls"])
    assert report["saved"] > 50, "the savers came to save between the kills"
    assert report["left"] > 10, "some kills came in the middle of a save"
    assert report["names"] == ["model.safetensors"], "the next save removes what they left"


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EFBIG, errno.EDQUOT, errno.EPERM]
)
def test_an_error_at_any_call_keeps_the_old_file(tmp_path, number, existing):
    path = tmp_path / "file"
    if existing:
        path.write_bytes(b"old")
    with watched() as calls:
        write_atomically(tmp_path / "file", b"old")
    for break_at, name in enumerate(calls):
        path.unlink(missing_ok=True)
        if existing:
            path.write_bytes(b"old")
        names = os.listdir(tmp_path)
        with watched(break_at, raise_errno(number)):
            if name == "lock":  # a file system without locks saves all the same
                write_atomically(path, b"new")
                assert path.read_bytes() == b"new"
                continue
            with pytest.raises(SaveError) as caught:
                write_atomically(path, b"new")
        assert caught.value.errno == number
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == number
        if name.endswith("folder"):
            assert path.read_bytes() == b"new"
            assert "is written, but its folder could not be brought" in str(caught.value)
        else:
            assert os.listdir(tmp_path) == names
            assert not existing or path.read_bytes() == b"old"
            assert str(path) in str(caught.value)
            assert "what was saved before is kept" in str(caught.value)


def test_a_folder_that_cannot_be_listed_or_synced_is_no_error(tmp_path):
    for number in (errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EBADF):
        for name in ("open folder", "sync folder"):
            with watched(ORDER.index(name), raise_errno(number)):
                write_atomically(tmp_path / f"{number}", b"new")
        assert (tmp_path / f"{number}").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["create", "write", "sync file", "replace"])
def test_an_interrupt_leaves_no_passing_file(tmp_path, name):
    (tmp_path / "file").write_bytes(b"old")
    with watched() as calls:
        write_atomically(tmp_path / "file", b"old")
    with watched(calls.index(name), interrupt), pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_an_error_of_the_writing_function_comes_through(tmp_path):
    def write(file):
        file.write(b"half")
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        write_atomically(tmp_path / "file", write)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the disk is full. Free some space"),
        (errno.EDQUOT, "the disk quota is used up. Free some space"),
        (errno.EFBIG, "larger than the system allows. Raise the limit"),
        (errno.EIO, "the device reported an input/output error. Save to another disk"),
        (errno.EACCES, "permission is denied. Change the permissions"),
        (errno.EPERM, "the operation is not permitted. Save to another folder"),
        (errno.EROFS, "the file system is read-only. Save to another folder"),
        (errno.EMFILE, "too many files are open. Close some"),
        (errno.ENXIO, "No such device or address. Save to another folder"),
    ],
)
def test_texts_of_refusals(tmp_path, number, text):
    with (
        watched(0, raise_errno(number)),
        pytest.raises(SaveError, match="could not write") as caught,
    ):
        write_atomically(tmp_path / "file", b"")
    assert text in str(caught.value)
    assert isinstance(caught.value, CheckpointError)
    assert isinstance(caught.value, OSError)


def test_places_that_cannot_hold_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    for path, text in [
        (tmp_path, "there is a folder of this name"),
        (tmp_path / "none" / "x", "the folder does not exist. Create the folder first"),
        (tmp_path / "file" / "x", "a part of its folder's path is a file"),
        (tmp_path / ("x" * 300), "the name is too long"),
        (tmp_path / "pipe", "it is a device or a pipe, not a file"),
        ("/dev/null", "it is a device or a pipe, not a file"),
    ]:
        with pytest.raises(SaveError) as caught:
            write_atomically(path, b"x")
        assert text in str(caught.value)
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


FULL_DISK = """
import resource, sys
import numpy as np
from sangja.io import load, save, write_text
from sangja.core.errors import SaveError
path, folder = sys.argv[1], sys.argv[2]
save({"x": np.arange(1000)}, path)
write_text(folder + "/table.csv", "old")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for write in (lambda: save({"x": np.arange(100_000)}, path),
              lambda: write_text(folder + "/table.csv", "x" * 200_000)):
    try:
        write()
    except SaveError as error:
        print(type(error.__cause__).__name__, error.__cause__.errno, error)
assert np.array_equal(load(path)["x"], np.arange(1000))
assert open(folder + "/table.csv").read() == "old"
"""


def test_no_room_for_the_file(tmp_path):
    path = tmp_path / "model.safetensors"
    lines = run("-c", FULL_DISK, path, tmp_path).splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(f"OSError {errno.EFBIG} could not write {tmp_path}")
        assert "larger than the system allows" in line
    assert sorted(os.listdir(tmp_path)) == ["model.safetensors", "table.csv"]


TWO_WRITERS = """
import sys
import numpy as np
from sangja.io import load, save
for number in range(50):
    value = int(sys.argv[2]) * 1000 + number
    save({"value": value, "x": np.full(20_000 + 100 * number, value)}, sys.argv[1])
    found = load(sys.argv[1])
    assert (found["x"] == found["value"]).all()
    print(found["value"])
"""


def test_two_writers_of_one_path(tmp_path):
    path = tmp_path / "model.safetensors"
    writers = [start("-c", TWO_WRITERS, path, number) for number in (1, 2)]
    seen = [int(line) for writer in writers for line in output_of(writer).split()]
    assert len(seen) == 100
    assert load(path)["value"] in (1049, 2049)
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("far/real")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "real").read_bytes() == b"new"
    (tmp_path / "dangling").symlink_to("far/later")
    write_atomically(tmp_path / "dangling", b"made")
    assert (tmp_path / "far" / "later").read_bytes() == b"made"
    assert sorted(os.listdir(tmp_path)) == ["dangling", "far", "link"]


def test_permissions(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", b"")
        (tmp_path / "secret").touch(mode=0o600)
        write_atomically(tmp_path / "secret", b"more")
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(tmp_path / "new").st_mode) == 0o640
    assert stat.S_IMODE(os.stat(tmp_path / "secret").st_mode) == 0o600


def test_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text("here.txt", "x")
    assert os.listdir(tmp_path) == ["here.txt"]


def test_leftovers_of_the_dead_are_removed_and_of_the_living_kept(tmp_path):
    dead, living = (tmp_path / f".sangja-{digit * 16}.tmp" for digit in "ab")
    others = [".sangja-notes.tmp", ".sangja-0000.tmp", "sangja-" + "c" * 16 + ".tmp"]
    for path in (dead, living, *(tmp_path / name for name in others)):
        path.write_bytes(b"half")
    with open(living, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write_atomically(tmp_path / "file", b"x")
    assert sorted(os.listdir(tmp_path)) == sorted(["file", living.name, *others])
    write_atomically(tmp_path / "file", b"x")
    assert not living.exists()


def test_leftovers_that_are_no_files_are_let_be(tmp_path):
    (tmp_path / f".sangja-{'d' * 16}.tmp").mkdir()
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / f".sangja-{'e' * 16}.tmp").symlink_to("target")
    write_atomically(tmp_path / "file", b"x")
    assert len(os.listdir(tmp_path)) == 4
    assert (tmp_path / "target").read_bytes() == b"mine"


def test_a_writer_whose_file_is_taken_for_a_leftover_begins_anew(tmp_path, monkeypatch):
    flock, taken = fcntl.flock, []

    def take_first(descriptor, how):
        if not taken:
            taken.extend(tmp_path.iterdir())
            os.unlink(taken[0])
        return flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", take_first)
    write_atomically(tmp_path / "file", b"x")
    assert len(taken) == 1
    assert os.listdir(tmp_path) == ["file"]


def test_without_locks_only_old_leftovers_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "fcntl", None)
    young, old = (tmp_path / f".sangja-{digit * 16}.tmp" for digit in "ab")
    for path in (young, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    write_atomically(tmp_path / "file", b"x")
    assert sorted(os.listdir(tmp_path)) == [young.name, "file"]
    assert (tmp_path / "file").read_bytes() == b"x"
