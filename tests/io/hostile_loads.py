"""Run as a program: loads every file of a folder and says what came of it.

    python hostile_loads.py FOLDER

Each load may take the memory of the file and 64 MB more. Every attempt to write a file, start a
program, open a socket or run code is counted. Prints as JSON for every file name the class of
the error (or "loads"), its text (or the tensors' names) and the seconds.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

import ml_dtypes  # noqa: F401, imported before the watch begins

from sangja.io import load

watching = False
events: list[str] = []
FORBIDDEN = ("subprocess.", "socket.", "os.", "shutil.", "ctypes.", "exec", "compile", "pickle.")


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if not watching:
        return
    if event == "open":
        mode, flags = arguments[1], arguments[2]
        writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
        if flags & writes or (mode and set(mode) & set("wax+")):
            events.append(f"open {arguments[0]!r} {mode}")
    elif event.startswith(FORBIDDEN):
        events.append(event)


def address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def attempt(path: str) -> tuple[str, str]:
    global watching
    limit = address_space() + os.path.getsize(path) + 64_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    watching = True
    try:
        return "loads", "".join(load(path))
    except Exception as error:
        return type(error).__name__, str(error)
    finally:
        watching = False
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)


def main(folder: str) -> None:
    sys.addaudithook(watch)
    results = {}
    for name in sorted(os.listdir(folder)):
        start = time.perf_counter()
        kind, text = attempt(os.path.join(folder, name))
        results[name] = (kind, text, time.perf_counter() - start)
    print(json.dumps({"results": results, "events": events}))


if __name__ == "__main__":
    main(sys.argv[1])
