"""Runs the unmodified PyPI TikTokLive 5.0.8: `python python-5.0.8.py <base URL> <user>`. The end of stdin disconnects."""

import asyncio
import json
import logging
import sys

from TikTokLive import TikTokLiveClient
from TikTokLive.client import config

# Its names of the events that the other programs print.
EVENTS = {"comment": "chat", "gift": "gift", "like": "like", "join": "member", "live_end": "streamEnd"}


def show(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


def listener(kind):
    return lambda event: show(kind)


def problem(error):
    show("problem", **{"class": type(error).__name__}, message=str(error))


async def main(base, user):
    config.TIKTOK_URL_WEB = base + "/"
    config.TIKTOK_URL_WEBCAST = base + "/webcast/"
    config.TIKTOK_SIGN_API = base + "/"
    client = TikTokLiveClient(user)
    for event, kind in {**EVENTS, "connect": "connected", "disconnect": "disconnected"}.items():
        client.add_listener(event, listener(kind))
    client.add_listener("error", problem)
    asyncio.get_running_loop().add_reader(sys.stdin, client.stop)
    try:
        await client.start()
        # As in its `run`, which cannot be called inside a loop.
        await client._ws_connection_task
    except asyncio.CancelledError:
        show("closed")
    except Exception as error:
        show("error", **{"class": type(error).__name__}, message=str(error))


logging.basicConfig(stream=sys.stderr)
asyncio.run(main(*sys.argv[1:]))
