"""PyPI TikTokLive 6.6.6 or 7.0.1, unmodified: `python python-6.6.6.py <base URL> <user>`. The end of stdin disconnects."""

import asyncio
import json
import sys

from TikTokLive import TikTokLiveClient
from TikTokLive.client.web.web_settings import WebDefaults
from TikTokLive.events import CommentEvent, ConnectEvent, DisconnectEvent, GiftEvent, JoinEvent, LikeEvent, LiveEndEvent


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
    """Shows the id of a message, and these of its fields."""
    return lambda event: show(
        kind, id=str(event.common.msg_id), **{name: getattr(event, field) for name, field in fields.items()}
    )


async def main(base, user):
    WebDefaults.tiktok_app_url = base
    WebDefaults.tiktok_sign_url = base
    WebDefaults.tiktok_webcast_url = base + "/webcast"
    client = TikTokLiveClient(unique_id=user)
    client.add_listener(ConnectEvent, lambda event: connected(client, event))
    client.add_listener(CommentEvent, message("chat", comment="content"))
    client.add_listener(GiftEvent, message("gift", giftId="gift_id", repeatCount="repeat_count"))
    client.add_listener(LikeEvent, message("like", likeCount="count"))
    client.add_listener(JoinEvent, message("member"))
    client.add_listener(LiveEndEvent, lambda event: show("streamEnd", action=int(event.action)))
    client.add_listener(DisconnectEvent, lambda _: show("disconnected"))
    await client.connect()


asyncio.run(main(*sys.argv[1:]))
