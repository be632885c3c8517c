"""File objects for WSGI applications: ``wsgi.input`` and ``wsgi.file_wrapper``.

The gateway, which is in Rust, imports them from here: what Python's ``io`` does well is left to it.
"""

import io
import os
import stat
import wsgiref.util
from collections.abc import Callable
from typing import Any

_FILE_CLASSES = (io.FileIO, io.BufferedReader, io.BufferedRandom)
# One read of the socket; the gateway reads as much at a time.
_READ_SIZE = 64 * 1024


class FileWrapper(wsgiref.util.FileWrapper):
    """``wsgi.file_wrapper``. As the application's result, around a real file, it goes out by ``sendfile``."""

    def __init__(self, filelike: Any, blksize: int = _READ_SIZE) -> None:
        super().__init__(filelike, blksize)


class _EmptyInput(io.BufferedIOBase):
    """``wsgi.input`` of requests without a body. One serves all, so that nobody can close it."""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return b""

    read1 = read

    def readline(self, size: int | None = -1, /) -> bytes:
        return b""

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return 0  # wherever that is: one position is all it has

    def tell(self) -> int:
        return 0

    def close(self) -> None:
        pass


class _BodyReader(io.RawIOBase):
    """A body that is still coming, without buffer."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


EMPTY_INPUT = _EmptyInput()


def file_input(descriptor: int) -> io.BufferedReader:
    """``wsgi.input`` over a collected body in a temporary file, which it closes at its end."""
    return open(descriptor, "rb")


def streaming_input(read: Callable[[int], bytes]) -> io.BufferedReader:
    """``wsgi.input`` over a body that is still coming."""
    return io.BufferedReader(_BodyReader(read), _READ_SIZE)


def open_file(filelike: Any) -> tuple[int, int] | None:
    """Descriptor and position of the real file in ``filelike``, or None if it must be read through its methods.

    Having a ``fileno()`` is not enough: that of a ``GzipFile`` names the compressed file. Nor is it to be a file of a
    class of one's own, or to have one inside: its ``read()`` may decrypt.
    """
    file = filelike
    if type(file) not in _FILE_CLASSES:
        # One level of wrapping: `NamedTemporaryFile`, and Django's `File`.
        file = getattr(filelike, "file", None)
        if type(file) not in _FILE_CLASSES or not _has_read_of(filelike, file):
            return None
    raw = file if type(file) is io.FileIO else file.raw
    if type(raw) is not io.FileIO:
        return None
    try:
        descriptor = raw.fileno()
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return descriptor, file.tell()
    except (OSError, ValueError):  # closed, or without positions
        return None


def _has_read_of(wrapper: Any, file: Any) -> bool:
    read = getattr(wrapper, "read", None)
    # Bound methods are made anew each time; `NamedTemporaryFile` hands them out inside a function.
    return getattr(read, "__wrapped__", read) == file.read
