"""`wsgi.file_wrapper`: real files go out by sendfile, everything else by blocks; either is closed."""

import shutil

import pytest

from support import Client
from support.peers import STAND_IN, only_yett
from support.usage import open_paths

SETUP = """
    import gzip, io, os, sys, tempfile

    class Told:
        '''Says what is done with the file-like object in it.'''

        def __init__(self, inner): self.inner = inner
        def read(self, size=-1):
            print("read", flush=True)
            return self.inner.read(size)
        def close(self):
            print("closed", flush=True)
            self.inner.close()

    def app(environ, start_response):
        wrapper = environ["wsgi.file_wrapper"]
        headers = [("Content-Type", "application/octet-stream")]
        return answer(environ, lambda *more: start_response("200 OK", headers + list(more)), wrapper)
"""
# Larger than any buffer on the way.
CONTENT = b"".join(b"line %07d\n" % number for number in range(150_000))


@pytest.fixture
def serve_file(serve, tmp_path):
    """A server of an application in whose folder is `file`, with CONTENT."""
    (tmp_path / "file").write_bytes(CONTENT)

    def start(answer, *options):
        source = f"{SETUP}\n    def answer(environ, start, wrapper):\n"
        source += "".join(f"        {line}\n" for line in answer.strip().splitlines())
        return serve(source, *options)

    return start


def response_of(server, *fields):
    with Client(server.port) as client:
        return client.get("/", *fields)


def test_a_file(serve_file):
    server = serve_file(
        """
start()
return wrapper(open("file", "rb"))
        """
    )
    with Client(server.port) as client:
        for _ in range(3):
            response = client.get()
            assert response.body == CONTENT
            assert response.header("content-type") == "application/octet-stream"
            assert response.header("content-length") == str(len(CONTENT)) or STAND_IN


@only_yett
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing")
def test_sendfile_is_what_sends_it(serve_file, tmp_path):
    trace = tmp_path / "trace"
    server = serve_file(
        f"""
import subprocess
if environ["PATH_INFO"] == "/trace":
    command = ["strace", "-f", "-e", "trace=sendfile", "-o", {str(trace)!r}, "-p", str(os.getpid())]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    line = tracer.stderr.readline()
    start()
    return [line.encode()]
start()
return wrapper(open("file", "rb"))
        """
    )
    with Client(server.port) as client:
        attached = client.get("/trace").body
        if b"attached" not in attached:
            pytest.skip(f"strace cannot attach: {attached!r}")
        assert client.get("/").body == CONTENT
    server.stop()
    sent = [line for line in trace.read_text().splitlines() if "sendfile(" in line and "= -1" not in line]
    assert sent


OPENERS = {
    "buffered": 'open("file", "rb")',
    "unbuffered": 'open("file", "rb", buffering=0)',
    "read-and-write": 'open("file", "r+b")',
    "temporary": "temporary()",
    "django": 'File(open("file", "rb"))',
}


@pytest.fixture(scope="module")
def positions(serve_source):
    """A server that opens a file in one of these ways, at /OPENER/OFFSET."""
    return serve_source(
        f"""{SETUP}
    with open("file", "wb") as file:
        file.writelines(b"line %07d\\n" % number for number in range(150_000))

    from django.core.files import File

    def temporary():
        file = tempfile.NamedTemporaryFile()
        file.write(open("file", "rb").read())
        file.flush()
        return file

    OPENERS = {OPENERS}

    def answer(environ, start, wrapper):
        opener, offset = environ["PATH_INFO"][1:].split("/")
        file = eval(OPENERS[opener])
        file.seek(0)
        file.read(1)  # the descriptor stands elsewhere than the file object: a buffer was filled
        file.seek(int(offset))
        start()
        return wrapper(file, 1000)
    """
    )


@only_yett  # Gunicorn asks the descriptor where it stands
@pytest.mark.parametrize("offset", [0, 1, 7, len(CONTENT) - 1, len(CONTENT), len(CONTENT) + 1])
@pytest.mark.parametrize("opener", OPENERS)
def test_it_begins_where_the_file_stands(positions, opener, offset):
    with Client(positions.port) as client:
        for _ in range(2):
            response = client.get(f"/{opener}/{offset}")
            assert response.body == CONTENT[offset:]
            assert response.header("content-length") == str(len(CONTENT[offset:]))


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 10), (20, 10), (0, 0), (10, 1_000_000), (1_000_000, len(CONTENT) - 1_000_000)]
)
def test_no_more_is_sent_than_the_content_length(serve_file, offset, length):
    """As for a Range request: seek, and the length of the part."""
    server = serve_file(
        f"""
file = open("file", "rb")
file.seek({offset})
start(("Content-Length", "{length}"))
return wrapper(file)
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            response = client.get()
            assert response.body == CONTENT[offset : offset + length]
            assert response.header("content-length") == str(length)


@only_yett
def test_a_file_shorter_than_the_content_length(serve_file):
    server = serve_file(
        f"""
start(("Content-Length", "{len(CONTENT) + 1}"))
return wrapper(open("file", "rb"))
        """
    )
    with Client(server.port) as client:
        client.begin("GET", "/")
        with pytest.raises((EOFError, ConnectionResetError)):
            client.response()
    server.wait_for("ERROR")


LIKES = {
    "BytesIO": 'io.BytesIO(open("file", "rb").read())',
    # Its fileno() is that of the compressed file; Gunicorn sends that.
    "gzip": "zipped()",
    "pipe": "piped()",
    "only read": "Told(open('file', 'rb'))",
}


# What `read()` gives is not what is in the file that they are, or have.
READERS = {
    "wrapper": """
class Shouting:
    def __init__(self): self.file = open("file", "rb")
    def read(self, size=-1): return self.file.read(size).upper()
    """,
    "wrapper that hands on the rest": """
class Shouting(tempfile._TemporaryFileWrapper):
    def __init__(self): super().__init__(open("file", "rb"), "file", delete=False)
    def read(self, size=-1): return self.file.read(size).upper()
    """,
    "Django's File": """
from django.core.files import File
class Shouting(File):
    def __init__(self): super().__init__(open("file", "rb"))
    def read(self, size=-1): return self.file.read(size).upper()
    """,
    "BufferedReader": """
class Shouting(io.BufferedReader):
    def __init__(self): super().__init__(io.FileIO("file"))
    def read(self, size=-1): return super().read(size).upper()
    """,
    "FileIO": """
class Shouting(io.FileIO):
    def __init__(self): super().__init__("file")
    def read(self, size=-1): return super().read(size).upper()
    """,
    "FileIO in a BufferedReader": """
class Raw(io.FileIO):
    def readinto(self, buffer):
        data = super().read(len(buffer)).upper()
        buffer[:len(data)] = data
        return len(data)
def Shouting(): return io.BufferedReader(Raw("file"))
    """,
}


@only_yett  # Gunicorn sends the file behind them
@pytest.mark.parametrize("reader", READERS)
def test_a_read_of_ones_own_is_heard(serve_file, reader):
    """It may decrypt, or leave something out."""
    server = serve_file(f"{READERS[reader]}\nstart()\nreturn wrapper(Shouting())")
    assert response_of(server).body == CONTENT.upper()


@pytest.mark.parametrize("like", [like for like in LIKES if like != "gzip" or STAND_IN != "gunicorn"])
def test_file_likes_are_read(serve_file, like):
    server = serve_file(
        f"""
def zipped():
    with gzip.open("zipped", "wb", 1) as file:
        file.write(open("file", "rb").read())
    return gzip.open("zipped", "rb")
def piped():
    import subprocess
    return subprocess.Popen(["cat", "file"], stdout=subprocess.PIPE).stdout
start()
return wrapper({LIKES[like]}, 16384)
        """
    )
    with Client(server.port) as client:
        assert client.get().body == CONTENT
        if not STAND_IN:
            assert client.get().body == CONTENT
    if like == "only read":
        server.wait_for("read")
        server.wait_for("closed")


def test_blocks_are_of_the_size_asked_for(serve_file):
    server = serve_file(
        """
class Sizes:
    def __init__(self): self.sizes = []
    def read(self, size):
        self.sizes.append(size)
        return b"x" * size if len(self.sizes) < 4 else repr(self.sizes).encode() if len(self.sizes) == 4 else b""
start()
return wrapper(Sizes(), 3)
        """
    )
    assert response_of(server).body == b"x" * 9 + b"[3, 3, 3, 3]"


def test_one_that_is_iterated_by_the_application(serve_file):
    """PEP 3333: middleware may do so; it is an iterable as others."""
    server = serve_file(
        """
start()
return (block.upper() for block in wrapper(open("file", "rb"), 1000))
        """
    )
    assert response_of(server).body == CONTENT.upper()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("like", ["Closing(open('file', 'rb'))", "Told(io.BytesIO(b'abc'))"])
def test_the_file_is_closed(serve_file, like, method):
    server = serve_file(
        f"""
class Closing:
    def __init__(self, file): self.file = file
    def read(self, *sizes): return self.file.read(*sizes)
    def close(self):
        print("closed", flush=True)
        self.file.close()
start()
return wrapper({like})
        """
    )
    with Client(server.port) as client:
        client.begin(method, "/")
        client.response(method=method)
        server.wait_for("closed")
    server.stop()
    assert server.log.count("closed") == 1


@only_yett
def test_no_descriptor_is_left(serve_file, tmp_path):
    server = serve_file(
        """
start()
result = wrapper(open("file", "rb"))
if environ["PATH_INFO"] == "/fails":
    start(("X", "y"))
return result
        """
    )
    path = str(tmp_path / "file")
    with Client(server.port) as client:
        for _ in range(5):
            assert client.get().body == CONTENT
            assert client.get("/fails").status == 500
            client.begin("HEAD", "/")
            client.response(method="HEAD")
        for _ in range(5):
            # Gone in the middle.
            with Client(server.port, receive_buffer=4096) as other:
                other.begin("GET", "/")
                other.head()
                other.reset()
        # The server sees to those that have gone in its own time.
        for _ in range(1000):
            client.get("/fails")
            if path not in open_paths(server.pid):
                break
        assert path not in open_paths(server.pid)


@only_yett
def test_http_1_0_knows_the_length_and_lives_on(serve_file):
    server = serve_file(
        """
start()
return wrapper(open("file", "rb"))
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            response = client.response()
            assert response.header("content-length") == str(len(CONTENT))
            assert response.body == CONTENT


@only_yett
@pytest.mark.parametrize("source", ["open('file', 'rb')", "io.BytesIO(b'abc')"])
def test_start_response_is_missed_here_too(serve_file, source):
    server = serve_file(f"return wrapper({source})")
    assert response_of(server).status == 500
    server.wait_for(r"RuntimeError: .*start_response\(\)")


@only_yett
def test_a_file_that_was_closed_already(serve_file):
    server = serve_file(
        """
file = open("file", "rb")
file.close()
start()
return wrapper(file)
        """
    )
    assert response_of(server).status == 500
    server.wait_for("ValueError: .*closed file")


@only_yett
def test_after_write(serve_file):
    server = serve_file(
        """
start()(b"before ")
return wrapper(open("file", "rb"))
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            assert client.get().body == b"before " + CONTENT


@only_yett
def test_a_subclass_does_as_it_wants(serve_file):
    """One that changes what is read must be heard."""
    server = serve_file(
        """
class Shouting(wrapper):
    def __next__(self): return super().__next__().upper()
start()
return Shouting(open("file", "rb"), 1000)
        """
    )
    assert response_of(server).body == CONTENT.upper()


@only_yett
def test_it_is_the_class_that_wsgiref_has(serve_file):
    """An application may ask `isinstance`, as frameworks do."""
    server = serve_file(
        """
import wsgiref.util
start()
result = wrapper(io.BytesIO(b"abc"))
facts = [isinstance(wrapper, type), isinstance(result, wsgiref.util.FileWrapper), hasattr(result, "close")]
return [repr(facts).encode()]
        """
    )
    assert response_of(server).body == b"[True, True, True]"


@only_yett
def test_a_slow_client_holds_no_thread(serve_file):
    """One thread: while files wait for clients that do not read, others are answered."""
    server = serve_file(
        """
start()
return wrapper(open("file", "rb"))
        """,
        "--threads",
        "1",
    )
    slow = [Client(server.port, receive_buffer=4096) for _ in range(10)]
    for client in slow:
        client.begin("GET", "/")
        client.head()
    assert response_of(server).body == CONTENT
    for client in slow:
        assert client.read(len(CONTENT)) == CONTENT
        client.close()
