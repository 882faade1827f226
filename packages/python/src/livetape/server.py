"""A running livetape process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from http.client import BAD_REQUEST, HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from . import program
from .errors import LivetapeError, check_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from http.client import HTTPResponse

    from typing_extensions import Self

API_VERSION = 1  #: Version of the REST API and of the feed that this package supports.
START_SECONDS = 30.0  #: Timeout for the start of a server, in seconds.
STOP_SECONDS = 2.0  #: Time that a server has to send queued events when it stops, in seconds.
EXIT_SECONDS = 1.0  #: Time that a server may take to exit after it closed its sockets, in seconds.
LATE_SECONDS = 10.0  #: Time after the start in which the port may refuse or reset connections: for 3 s in the case `late`.
RESPONSE_SECONDS = 45.0  #: Timeout for responses, in seconds. The server itself waits up to 30 s for clients.
LAST_LINES = 20  #: Number of lines of a server's output in reports.
LAST_BYTES = 16 * 1024  #: Bytes that are read to find them.
POLL_SECONDS = 0.005  #: Interval at which conditions are checked, in seconds.
HEALTHY = (None, 0, 3)  #: Exit codes of a server that runs, or that ended as requested; 3 if its recording is damaged.
#: The `LIVETAPE_` variables that a server keeps: the others would change what a test replays.
KEPT = ("LIVETAPE_RECORDINGS", "LIVETAPE_CONFIG")

Speed: TypeAlias = float | Literal["max"]  #: Playback speed: 0.1 to 1000, or `max`.

started: list[Server] = []  #: Servers that were started since the plugin last cleared this list.


class Server:
    """A livetape process, which ends with this process at the latest."""

    def __init__(self, arguments: Sequence[str], scenario: str | None = None) -> None:
        executable = program.find()
        self.name = f"livetape {arguments[0]}"  #: Name in reports.
        self._folder = tempfile.TemporaryDirectory(prefix="livetape-")
        folder = Path(self._folder.name)
        self._output = folder / "output.log"
        self._tail: str | None = None
        self._is_stopped = False
        ready = folder / "ready.json"
        command = [executable, arguments[0], "--ready-file", str(ready), "--exit-with-stdin", "--port", "0"]
        if scenario is not None:
            (folder / "scenario.toml").write_text(scenario, encoding="utf-8")
            command += ["--scenario", str(folder / "scenario.toml")]
        command += arguments[1:]
        # Instead of a livetape.toml in the current folder, or that of the user.
        (folder / "livetape.toml").touch()
        kept = {key: value for key, value in os.environ.items() if key in KEPT or not key.startswith("LIVETAPE_")}
        environment = {"LIVETAPE_CONFIG": str(folder / "livetape.toml"), **kept}
        try:
            with self._output.open("wb") as output:
                # The pipe closes when this process ends for any reason, which ends the server.
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=output, env=environment)
        except OSError as error:
            self._folder.cleanup()
            raise LivetapeError("not_installed", f"cannot run {executable}: {error.strerror}") from error
        started.append(self)
        try:
            addresses = self._wait(ready)
        except BaseException:
            self.kill()
            raise
        self._late_until = time.monotonic() + LATE_SECONDS
        self.ws, self.http, self.pid = str(addresses["ws"]), str(addresses["http"]), self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    def last_lines(self) -> str:
        """Return the last lines of its output."""
        if self._tail is not None:
            return self._tail
        with self._output.open("rb") as output:
            output.seek(max(0, self._output.stat().st_size - LAST_BYTES))
            lines = output.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def connect(self, timeout: float | None = RESPONSE_SECONDS) -> HTTPConnection:
        """Return a connection for one request."""
        return HTTPConnection(self.http.removeprefix("http://"), timeout=timeout)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the JSON of the response. A body is JSON unless it is text."""
        check_path(path)
        if self._is_stopped:
            raise self.unreachable()
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        try:
            with contextlib.closing(self.connect()) as connection:
                connection.request(method, path, text if text is None else text.encode())
                return answer(connection.getresponse())
        except (OSError, HTTPException) as error:
            failure = self.unreachable()
            if (
                isinstance(error, (ConnectionRefusedError, ConnectionResetError))
                and self.is_running
                and time.monotonic() < self._late_until
            ):
                return self.request(method, path, body)
            raise failure from error

    def unreachable(self) -> LivetapeError:
        """Return the error for a server that does not respond."""
        if self._is_stopped:
            name = "mock" if self.name.endswith("mock") else "tape"
            return LivetapeError("exited", f"the {name} was stopped", "call `stop` at the end of the test")
        try:
            code = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return LivetapeError("unreachable", f"{self.name} does not respond on {self.http}")
        return LivetapeError("exited", f"{self.name} exited with {code}\n{self.last_lines()}")

    def check(self) -> None:
        """Raise if the server failed, rather than being stopped."""
        __tracebackhide__ = True
        if not self._is_stopped and self._process.poll() not in HEALTHY:
            raise self.unreachable()

    def stop(self) -> None:
        """Stop the server after it has sent all queued events, or after two seconds."""
        self._is_stopped = True
        if self._tail is None:
            # Closes its standard input, and waits.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=STOP_SECONDS)
            self.kill()

    def kill(self) -> None:
        """Stop the server immediately."""
        self._is_stopped = True
        if self._tail is None:
            self._process.kill()
            self._process.communicate()
            self._tail = self.last_lines()
            self._folder.cleanup()

    def _wait(self, file: Path) -> dict[str, Any]:
        for _ in polls(START_SECONDS):
            code = self._process.poll()
            if file.exists():
                break
            if code is not None:
                raise LivetapeError("exited", f"{self.name} exited with {code} before it was ready\n{self.last_lines()}")
        else:
            raise LivetapeError("not_ready", f"{self.name} was not ready within {START_SECONDS:.0f} s\n{self.last_lines()}")
        ready: dict[str, Any] = json.loads(file.read_bytes())
        theirs, version = ready.get("apiVersion"), ready.get("version")
        if theirs != API_VERSION:
            age = "older" if isinstance(theirs, int) and theirs > API_VERSION else "newer"
            raise LivetapeError(
                "wrong_version",
                f"livetape {version} has API version {theirs}; this package is {age} and supports version {API_VERSION}",
                f"install the package and the program from the same release, or unset {program.VARIABLE}",
            )
        return ready


class Running:
    """A tape or a mock."""

    _server: Server

    def verify(self) -> None:
        """Raise if the server failed."""
        __tracebackhide__ = True
        self._server.check()

    def stop(self) -> None:
        """Stop the server. Clients receive all queued events, then the close code 1001."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        try:
            # A test that fails anyway fails with its own message.
            if kind is None:
                self.verify()
        finally:
            self.stop()


def answer(response: HTTPResponse) -> Any:
    """Return the JSON of a response. Raise if it is a rejection."""
    content = response.read()
    try:
        answer = json.loads(content) if content else None
    except ValueError:
        answer = content.decode(errors="replace")
    if response.status < BAD_REQUEST:
        return answer
    problem = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(problem, dict):
        problem = {"message": f"the request failed with status {response.status}: {answer}"}
    raise LivetapeError(problem.get("code", "bad_request"), problem["message"], problem.get("hint", ""))


def polls(seconds: float) -> Iterator[None]:
    """Yield at once, then at short intervals until the time is over."""
    deadline = time.monotonic() + seconds
    yield
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        yield
