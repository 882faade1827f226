"""Runs the unmodified PyPI piratetok-live-py through a proxy: `python piratetok.py <proxy URL> <user>`. The end of stdin disconnects.

Its hosts are fixed, so it reaches the mock only through the proxy.
"""

import asyncio
import json
import sys

from piratetok_live import TikTokLiveClient

# One of its own, from which it draws: without this, `agent-differs` and `strict` would depend on chance.
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EVENTS = ["connected", "chat", "gift", "like", "member", "disconnected"]


def show(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


def listen(client, kind, *, named):
    client.on(kind)(lambda event: show(named))


def problem(event):
    show("problem", **{"class": type(event.data).__name__}, message=str(event.data))


async def main(proxy, user):
    client = TikTokLiveClient(user).proxy(proxy).user_agent(AGENT)
    for kind in EVENTS:
        listen(client, kind, named=kind)
    listen(client, "live_ended", named="streamEnd")
    # It would connect again, to an ended stream.
    client.on("live_ended")(lambda event: client.disconnect())
    client.on("error")(problem)
    asyncio.get_running_loop().add_reader(sys.stdin, client.disconnect)
    try:
        await client.connect()
    except Exception as error:
        show("error", **{"class": type(error).__name__}, message=str(error))


asyncio.run(main(*sys.argv[1:]))
