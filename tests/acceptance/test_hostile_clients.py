"""Abusive requests and floods of frames: they cost a server little CPU and do not delay other clients."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from http.client import HTTPConnection
from threading import Event

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.processes import Home, Running, measured, prepared, queued_here, serving

pytestmark = [pytest.mark.asyncio(loop_scope="module"), measured]

MOST_CPU = 0.2  # of the server for one request
MOST_WAIT = 0.5  # for a cheap query of another client meanwhile
JSON = {"content-type": "application/json"}
CHEAP = json.dumps({"query": "{ company { name } }"})
NODE = "query($x: ID!) { node(id: $x) { id } }"


def asking(query: str) -> bytes:
    return json.dumps({"query": query}).encode()


def holding(json_value: str) -> bytes:
    """Return a request body with this JSON value, valid or not, as its variable."""
    return f'{{"query": {json.dumps(NODE)}, "variables": {{"x": {json_value}}}}}'.encode()


def aliases(number: int, field: str = "name") -> str:
    return " ".join(f"a{each}: {field}" for each in range(number))


def fanning(width: int, levels: int) -> str:
    """Return a short query whose fragments expand to width ** levels aliases."""
    fragments = [f"fragment F0 on Company {{ {aliases(width)} }}"]
    fragments += [f"fragment F{n} on Company {{ {f'...F{n - 1} ' * width}}}" for n in range(1, levels)]
    return f"{{ company {{ ...F{levels - 1} }} }} {' '.join(fragments)}"


TOO_MUCH, UNFIT, BAD = "QUERY_TOO_COMPLEX", "BAD_USER_INPUT", "BAD_REQUEST"

ABUSES = {  # body and expected error code; None: the request succeeds
    "a document of 1 MB, of commas": (asking("{ company { name } " + "," * 999_900 + "}"), TOO_MUCH),
    "a document of 1 MB, of braces": (asking("{a" * 333_000), TOO_MUCH),
    "a document of 1 MB, of one string": (asking('{ node(id: "' + "x" * 950_000 + '") { id } }'), TOO_MUCH),
    "a document of 1 MB, and more than a body may have": (asking("{ company { name } } #" + "x" * 1_048_576), BAD),
    "a document of 32 kB, of braces": (asking("{a" * 16_000), TOO_MUCH),
    "a document of 32 kB, of commas": (asking("{ company { name } " + "," * 32_700 + "}"), None),
    "a query of depth 15": (asking("{ employee(id: 1)" + "{ manager" * 14 + "{ id }" + "}" * 14 + "}"), TOO_MUCH),
    "a query of depth 15 through lists": (asking("{teams" + "{members{team" * 7 + "{id}" + "}}" * 7 + "}"), TOO_MUCH),
    "1,000 aliases": (asking("{" + aliases(1_000, "company { name }") + "}"), TOO_MUCH),
    "1,000 aliases of one field": (asking("{ company {" + aliases(1_000) + "} }"), TOO_MUCH),
    "1,000 aliases through fragments": (asking(fanning(10, 3)), TOO_MUCH),
    "a million aliases through fragments by two": (asking(fanning(2, 20)), TOO_MUCH),
    "aliases through fragments beyond any number": (asking(fanning(20, 20)), TOO_MUCH),
    "the same field 490 times": (asking("{ company {" + "name " * 490 + "} }"), TOO_MUCH),
    "the same fields in lists": (asking("{ viewer {" + "employee { team { name } } " * 160 + "} }"), TOO_MUCH),
    "300 unknown arguments": (
        asking("{ company {" + " ".join(f"name(a{n}: 1)" for n in range(300)) + "} }"),
        TOO_MUCH,
    ),
    "fragments in a circle": (
        asking("{ company { ...A } } fragment A on Company { ...B ...B } fragment B on Company { ...A ...A }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "600 directives": (asking("{ company { name " + "@skip(if: false) " * 600 + "} }"), TOO_MUCH),
    "a list of 1,900 words": (asking("{ activities(kinds: [" + "DEAL_WON " * 1_900 + "]) { totalCount } }"), None),
    "a body of 20 MB": (asking("x" * 20_000_000), BAD),
    "a million commas in a variable": (holding(json.dumps("," * 990_000)), None),
    "half a million numbers in a variable": (holding("[" + "0," * 490_000 + "0]"), UNFIT),
    "objects in a variable": (holding("[" + "{}," * 325_000 + "{}]"), UNFIT),
    "keys in a variable": (holding("{" + ",".join(f'"{n}":0' for n in range(90_000)) + "}"), UNFIT),
    "lists within each other, 450,000 deep": (holding("[" * 450_000 + "]" * 450_000), BAD),
    "lists within each other, 900 deep": (holding("[" * 900 + "]" * 900), UNFIT),
    "objects within each other": (holding('{"a":' * 160_000 + "1" + "}" * 160_000), BAD),
    "a number of 5,000 digits": (holding("9" * 5_000), UNFIT),
    "190 numbers of 5,000 digits": (holding("[" + ",".join(["9" * 5_000] * 190) + "]"), UNFIT),
    "a number of a million digits": (holding("9" * 990_000), UNFIT),
    "a number of 5,000 digits in the document": (asking("{ deals(first: " + "9" * 5_000 + ") { totalCount } }"), UNFIT),
    "a fraction of a million digits": (holding("0." + "9" * 990_000), None),
    "halves of emoji": (holding('"' + "\\ud800" * 160_000 + '"'), UNFIT),
}

FLOODS = {  # frames that are sent 20,000 times each
    "pings": Frame(Opcode.TEXT, b'{"type":"ping"}'),
    "WebSocket pings": Frame(Opcode.PING, b""),
    "messages that are not JSON": Frame(Opcode.TEXT, b"x"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("edge")
    url = prepared(f"sqlite://{folder}/scoreline.db")
    async with serving(Home(folder / "server", database_url=url)) as server:
        await server.sign_in()
        await server.data(
            """mutation { createEmployee(input: {name: "Ann", email: "ann@example.com", password: "correct horse"}) {
              userErrors { message } } }"""
        )
        for body, _ in ABUSES.values():  # warm-up: one-time work is not measured
            if len(body) < 100_000:
                await abuse(server, body)
        yield server


@contextmanager
def at_most(server: Running, seconds: float) -> Iterator[None]:
    """Fail if the server uses more CPU seconds within the block."""
    before = server.process.cpu()
    yield
    took = server.process.cpu() - before
    print(f"{took:.2f} s of CPU")
    assert took < seconds


async def abuse(server: Running, body: bytes, number: int = 0) -> tuple[int, str | None]:
    """Send a body and return HTTP status and error code of the answer.

    number  spaces inserted into the document, so that the parsed document is not in the server's cache
    """
    body = body.replace(b'"query": "', b'"query": "' + b" " * number, 1)
    response = await server.http.post(
        "/graphql", content=body, headers={**JSON, "authorization": f"Bearer {server.token}"}
    )
    errors = response.json().get("errors", [])
    assert all(len(error["message"]) < 500 for error in errors)
    return response.status_code, errors[0]["extensions"]["code"] if errors else None


@pytest.mark.parametrize("name", ABUSES)
async def test_what_is_meant_to_cost_much_costs_little(here: Running, name: str) -> None:
    body, code = ABUSES[name]

    for number in range(1, 4):
        with at_most(here, MOST_CPU):
            status, answered = await abuse(here, body, number)
        assert answered == code
        assert status == {None: 200, BAD: status if status in (400, 413) else 0}.get(code, 400)


async def flooded(server: Running, frame: Frame) -> tuple[int | None, str | None]:
    async with server.socket() as socket:
        socket.transport.write(frame.serialize(mask=True) * 20_000)
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
        return socket.close_code, socket.close_reason


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_frames_is_cut_off_before_it_costs_much(here: Running, name: str) -> None:
    with at_most(here, MOST_CPU):
        code, reason = await flooded(here, FLOODS[name])

    assert code == 4400
    assert reason in ("Too many messages", "This message is not JSON")


@asynccontextmanager
async def waiting(server: Running) -> AsyncIterator[list[float]]:
    """Send cheap queries of another client within the block and collect the seconds each answer took.

    They are sent from a thread, and the time that server and test process waited for a CPU is subtracted: neither the
    cost of sending the abusive requests nor other load on the machine is to be measured.
    """
    other = Running(server.http, server.address)
    token = await other.sign_in(email="ann@example.com")
    waits: list[float] = []
    over = Event()

    def queued() -> float:
        return server.process.queued() + queued_here()

    def ask() -> None:
        with closing(HTTPConnection(server.address)) as connection:
            while not over.wait(0.02):
                began = time.perf_counter() - queued()
                connection.request("POST", "/graphql", CHEAP, {**JSON, "authorization": f"Bearer {token}"})
                assert json.load(connection.getresponse()) == {"data": {"company": {"name": "Acme"}}}
                waits.append(time.perf_counter() - queued() - began)

    asking = asyncio.create_task(asyncio.to_thread(ask))
    try:
        yield waits
    finally:
        over.set()
        await asking


async def test_nobody_else_waits_for_it(here: Running) -> None:
    async with waiting(here) as waits:
        for number, (body, _) in enumerate([*ABUSES.values()] * 3, 10):
            await abuse(here, body, number)
        for frame in FLOODS.values():
            await flooded(here, frame)

    print(f"{len(waits)} answers, the slowest after {max(waits):.3f} s")
    assert len(waits) > 10
    assert max(waits) < MOST_WAIT
