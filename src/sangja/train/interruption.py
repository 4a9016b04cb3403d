"""Ctrl-C as a wish that is granted between two steps, not in the middle of one."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any


class StopRequested(KeyboardInterrupt):
    """Ctrl-C, raised where a run can stop: between two steps."""


class Interruption:
    """Inside `with`, the first Ctrl-C only sets `requested`; a second one interrupts at once.

    Only the main thread of a program can receive Ctrl-C; in any other, and where the program
    ignores it, this does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None

    def __enter__(self) -> Interruption:
        self.requested = False
        try:
            if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                self._before = signal.signal(signal.SIGINT, self._request)
        except ValueError:  # not the main thread
            self._before = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def check(self) -> None:
        """Raise StopRequested if Ctrl-C came."""
        if self.requested:
            raise StopRequested

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
