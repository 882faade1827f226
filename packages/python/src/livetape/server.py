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
from typing import TYPE_CHECKING, Any

from . import program
from .errors import LivetapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Version of the REST API and of the feed that this package supports.
API_VERSION = 1
#: Timeout for the start of a server, in seconds.
START_SECONDS = 30.0
#: Time that a server has to send queued events when it stops, in seconds.
STOP_SECONDS = 2.0
#: Time that a server may take to exit after it closed its sockets, in seconds.
EXIT_SECONDS = 1.0
#: Timeout for responses, in seconds. The server itself waits up to 30 s for clients.
RESPONSE_SECONDS = 45.0
#: Number of lines of a server's output in reports, and the bytes that are read to find them.
LAST_LINES = 20
LAST_BYTES = 16 * 1024
#: Interval at which a start is checked, in seconds.
POLL_SECONDS = 0.001
#: Variables of the environment that a server keeps: the others would change what a test replays.
KEPT = ("LIVETAPE_RECORDINGS", "LIVETAPE_CONFIG")

#: Servers that were started since the plugin last cleared this list.
started: list[Server] = []


class Server:
    """A livetape process, which ends with this process at the latest."""

    def __init__(self, arguments: Sequence[str], scenario: str | None = None) -> None:
        executable = program.find()
        #: Name in reports.
        self.name = f"livetape {arguments[0]}"
        self._folder = tempfile.TemporaryDirectory(prefix="livetape-")
        folder = Path(self._folder.name)
        self._output = folder / "output.log"
        self._tail: str | None = None
        ready = folder / "ready.json"
        command = [executable, *arguments, "--ready-file", str(ready), "--exit-with-stdin", "--port", "0"]
        if scenario is not None:
            (folder / "scenario.toml").write_text(scenario, encoding="utf-8")
            command += ["--scenario", str(folder / "scenario.toml")]
        environment = {key: value for key, value in os.environ.items() if key in KEPT or not key.startswith("LIVETAPE_")}
        try:
            with self._output.open("wb") as output:
                # The pipe closes when this process ends for any reason, which ends the server.
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=output, env=environment)
        except OSError as error:
            self._folder.cleanup()
            raise LivetapeError("command_not_found", f"cannot run {executable}: {error.strerror}") from error
        started.append(self)
        try:
            self._ready = self._wait(ready)
        except BaseException:
            self.kill()
            raise

    @property
    def ws(self) -> str:
        """URL of the feed, with a trailing slash."""
        return str(self._ready["ws"])

    @property
    def http(self) -> str:
        """URL of the REST API, without a trailing slash."""
        return str(self._ready["http"])

    @property
    def pid(self) -> int:
        """Process ID."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process was neither stopped nor ended by itself."""
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
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        with contextlib.closing(self.connect()) as connection:
            try:
                connection.request(method, path, text if text is None else text.encode())
                response = connection.getresponse()
                content = response.read()
            except (OSError, HTTPException) as error:
                raise self.unreachable() from error
        try:
            answer = json.loads(content) if content else None
        except ValueError:
            answer = content.decode(errors="replace")
        if response.status < BAD_REQUEST:
            return answer
        problem = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(problem, dict):
            problem = {"message": f"{method} {path} failed with status {response.status}: {answer}"}
        raise LivetapeError(problem.get("code", "bad_request"), problem["message"], problem.get("hint", ""))

    def unreachable(self) -> LivetapeError:
        """Return the error for a server that does not respond."""
        try:
            code = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return LivetapeError("server_unreachable", f"livetape does not respond on {self.http}")
        return LivetapeError("exited", f"livetape exited with {code}\n{self.last_lines()}")

    def stop(self) -> None:
        """Stop the server after it has sent all queued events, or after two seconds."""
        if self._tail is None:
            with contextlib.suppress(OSError):
                if self._process.stdin:
                    self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            self.kill()

    def kill(self) -> None:
        """Stop the server immediately."""
        if self._tail is None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
            self._tail = self.last_lines()
            self._folder.cleanup()

    def _wait(self, file: Path) -> dict[str, Any]:
        deadline = time.monotonic() + START_SECONDS
        while not file.exists():
            code = self._process.poll()
            if code is not None and not file.exists():
                raise LivetapeError("exited", f"livetape exited with {code} before it was ready\n{self.last_lines()}")
            if time.monotonic() > deadline:
                seconds = f"{START_SECONDS:.0f} s"
                raise LivetapeError("exited", f"livetape was not ready within {seconds}\n{self.last_lines()}")
            time.sleep(POLL_SECONDS)
        ready: dict[str, Any] = json.loads(file.read_bytes())
        theirs, version = ready.get("apiVersion"), ready.get("version")
        if theirs != API_VERSION:
            age = "older" if isinstance(theirs, int) and theirs > API_VERSION else "newer"
            raise LivetapeError(
                "version_mismatch",
                f"this package supports version {API_VERSION} of the API, and is {age} than livetape {version} with version {theirs}",
                f"install the package and the program from the same release, or unset {program.VARIABLE}",
            )
        return ready
