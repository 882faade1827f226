"""The pytest plugin: the fixtures `livetape` and `livetape_mock`, and the marker `livetape`."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import server
from .mock import AsyncMock, Mock, is_toml
from .program import cases
from .proxy import direct
from .tape import AsyncTape, Tape

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

MARKER = "livetape"  #: Name of the marker.
CASES = "cases"  #: Argument of the marker that runs the test once for each case.
MOCKS = pytest.StashKey[list[Mock]]()  #: Mocks whose expectations are verified at the end of the test.


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    arguments = inspect.signature(Tape).replace(return_annotation=inspect.Signature.empty)
    names = ", ".join([*arguments.parameters, CASES])
    config.addinivalue_line("markers", f"{MARKER}({names}): what the fixtures of livetape serve. `mock` is a scenario")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each case that the marker names: `all`, a group, a name, or a list of names."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    given = marker and marker.kwargs.get(CASES)
    if isinstance(given, str):
        # The program explains an unknown name.
        given = [case.name for case in cases() if given in ("all", case.group)] or [given]
    if given is not None:
        metafunc.parametrize("livetape_case", given, indirect=True)


@pytest.fixture
def livetape_case(request: pytest.FixtureRequest) -> str | None:
    """Return the name of the case that the fixture `livetape` plays, if the marker has `cases`."""
    name: str | None = getattr(request, "param", None)
    return name


@pytest.fixture(name="_livetape_direct")
def direct_fixture() -> Iterator[None]:
    """Let clients in the test reach this machine without the proxy of the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in direct().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(name="livetape")
def livetape_fixture(request: pytest.FixtureRequest, livetape_case: str | None) -> Iterator[Tape]:
    """Serve the recording that the marker names, by default `demo`."""
    request.getfixturevalue("_livetape_direct")
    options = marked(request)
    if livetape_case is not None:
        options["case"] = livetape_case
    if "mock" in options:
        options["mock"] = request.getfixturevalue("livetape_mock")
    tape = Tape(**options)
    yield tape
    tape.stop()


@pytest.fixture
def livetape_async(livetape: Tape) -> AsyncTape:
    """Return the fixture `livetape` with coroutines."""
    return livetape.aio


@pytest.fixture
def livetape_mock(request: pytest.FixtureRequest) -> Iterator[Mock]:
    """Run a mock TikTok with the scenario `mock` of the marker. Its rooms play the recording that the marker names."""
    request.getfixturevalue("_livetape_direct")
    options = marked(request)
    mock = Mock(options.get("mock"), play=options.get("recording"), speed=options.get("speed"))
    # Verified with the test rather than here, so that the test fails instead of its teardown.
    request.node.stash.setdefault(MOCKS, []).append(mock)
    yield mock
    mock.stop()


@pytest.fixture
def livetape_mock_async(livetape_mock: Mock) -> AsyncMock:
    """Return the fixture `livetape_mock` with coroutines."""
    return livetape_mock.aio


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Verify that no server failed, and what mocks expect, unless the test fails anyway."""
    __tracebackhide__ = True
    result = yield
    for process in server.started:
        process.check()
    for mock in item.stash.get(MOCKS, []):
        mock.verify()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last lines of every server to the report of a failed test."""
    report = yield
    if report.failed:
        for number, process in enumerate(server.started, start=1):
            if lines := process.last_lines():
                report.sections.append((f"{process.name} {number}", lines))
    if report.when == "teardown":
        server.started[:] = [process for process in server.started if process.is_running]
    return report


def marked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the arguments of the closest marker, with paths relative to the test's folder if they exist there."""
    marker = request.node.get_closest_marker(MARKER)
    if marker is None:
        return {}
    try:
        options = (
            inspect.signature(Tape).bind(*marker.args, **{name: value for name, value in marker.kwargs.items() if name != CASES}).arguments
        )
    except TypeError as error:
        raise pytest.fail.Exception(f"marker {MARKER} of {request.node.nodeid}: {error}", pytrace=False) from None
    for name in ("recording", "mock"):
        path = options.get(name)
        if path is not None and not isinstance(path, (str, os.PathLike)):
            raise pytest.fail.Exception(f"marker {MARKER} of {request.node.nodeid}: `{name}` is {path!r}: pass a path", pytrace=False)
        if path is not None and not (isinstance(path, str) and is_toml(path)):
            beside = Path(request.path.parent, path)
            options[name] = beside if beside.is_file() else path
    return options
