"""Runs the unmodified PyPI TikTokLive: `python python.py <base URL> <user> [is-live|room]`. The end of stdin disconnects.

`-` instead of a base URL leaves its hosts as they are.
"""

import asyncio
import json
import logging
import sys
from importlib.metadata import version
from operator import attrgetter

from TikTokLive import TikTokLiveClient
from TikTokLive.client.web.web_settings import WebDefaults
from TikTokLive.events import CommentEvent, ConnectEvent, DisconnectEvent, GiftEvent, JoinEvent, LikeEvent, LiveEndEvent

# Paths of a message's ID, a chat's text and a gift's ID, by version. 6.6.6 and 7 use another schema.
OLD = ("base_message.message_id", "comment", "gift.id")
MSG_ID, COMMENT, GIFT_ID = OLD if version("TikTokLive") == "6.6.5" else ("common.msg_id", "content", "gift_id")


def show(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


def connected(client, event):
    show("connected", roomId=str(event.room_id))
    loop = asyncio.get_running_loop()

    def disconnect():
        loop.remove_reader(sys.stdin)
        loop.create_task(client.disconnect())

    loop.add_reader(sys.stdin, disconnect)


def message(kind, **fields):
    """Returns a listener that prints the ID of a message and the fields at these paths."""
    return lambda event: show(
        kind,
        id=str(attrgetter(MSG_ID)(event)),
        **{name: attrgetter(place)(event) for name, place in fields.items()},
    )


def listen(client):
    """Adds plain functions as listeners, because pyee calls those synchronously and in order."""
    client.add_listener(ConnectEvent, lambda event: connected(client, event))
    client.add_listener(CommentEvent, message("chat", comment=COMMENT))
    client.add_listener(GiftEvent, message("gift", giftId=GIFT_ID, repeatCount="repeat_count"))
    client.add_listener(LikeEvent, message("like", likeCount="count"))
    client.add_listener(JoinEvent, message("member"))
    client.add_listener(LiveEndEvent, lambda event: show("streamEnd", action=int(event.action)))
    client.add_listener(DisconnectEvent, lambda _: show("disconnected"))


async def main(base, user, order="connect"):
    if base != "-":
        WebDefaults.tiktok_app_url = base
        WebDefaults.tiktok_sign_url = base
        WebDefaults.tiktok_webcast_url = base + "/webcast"
    client = TikTokLiveClient(unique_id=user)
    try:
        if order == "is-live":
            show("live", live=await client.is_live())
        elif order == "room":
            info = await client.web.fetch_room_info(unique_id=user)
            gifts = await client.web.fetch_gift_list()
            show("room", id=info["id_str"], status=info["status"], gifts=len(gifts["gifts"]))
        else:
            listen(client)
            await client.connect()
    except Exception as error:
        show("error", **{"class": type(error).__name__}, message=str(error))


logging.basicConfig(stream=sys.stderr)
asyncio.run(main(*sys.argv[1:]))
