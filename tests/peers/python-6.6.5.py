"""PyPI TikTokLive 6.6.5, unmodified: `python python-6.6.5.py <base URL> <user> [is-live|room]`."""

import asyncio
import json
import logging
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


def listen(client):
    """Plain functions, as pyee calls those at once and in order."""
    client.on(ConnectEvent, lambda event: connected(client, event))
    client.on(CommentEvent, lambda event: show("chat", id=str(event.base_message.message_id), comment=event.comment))
    client.on(
        GiftEvent,
        lambda event: show(
            "gift", id=str(event.base_message.message_id), giftId=event.gift.id, repeatCount=event.repeat_count
        ),
    )
    client.on(LikeEvent, lambda event: show("like", id=str(event.base_message.message_id), likeCount=event.count))
    client.on(JoinEvent, lambda event: show("member", id=str(event.base_message.message_id)))
    client.on(LiveEndEvent, lambda event: show("streamEnd", action=int(event.action)))
    client.on(DisconnectEvent, lambda _: show("disconnected"))


async def main(base, user, order="connect"):
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
