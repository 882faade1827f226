"""Counts what viewers do in a LIVE, with TikTokLive 7.0.1: `python bot.py [user]`.

The library passes on messages that were sent twice, and does not connect again: both are left to the bot.
"""

import asyncio
import os
import sys
import time
from email.utils import parsedate_to_datetime

from TikTokLive import TikTokLiveClient
from TikTokLive.client.errors import UserOfflineError
from TikTokLive.client.web.web_settings import WebDefaults
from TikTokLive.events import CommentEvent, GiftEvent, LikeEvent, LiveEndEvent
from TikTokLive.events.custom_events import WebsocketResponseEvent

SILENT_S = 60
"""Time without any data after which a connection is taken for lost. A room answers each heartbeat."""
WAIT_S, WAIT_S_MAX = 1, 30
"""First and longest wait before another attempt."""

# `livetape test --suite room` sets this.
if mock := os.environ.get("LIVETAPE_MOCK_URL"):
    WebDefaults.tiktok_app_url = WebDefaults.tiktok_sign_url = mock
    WebDefaults.tiktok_webcast_url = f"{mock}/webcast"

client = TikTokLiveClient(unique_id=sys.argv[1] if len(sys.argv) > 1 else "demo")
totals = {"chats": 0, "likes": 0, "diamonds": 0}
seen = set()
streaks = {}
last_data = 0.0
is_over = False
wait = WAIT_S
not_before = 0.0


def count(event, total, number):
    """Adds to a total, unless the message was sent before. Some have no id."""
    message_id = event.common.msg_id if event.common else 0
    if message_id in seen:
        return
    if message_id:
        seen.add(message_id)
    totals[total] += number()
    print(" ".join(f"{name}: {value}" for name, value in totals.items()), flush=True)


def added(event):
    """Returns the diamonds that a gift adds: within a streak, its count rises with each message."""
    rise = event.repeat_count
    if event.group_id:
        streak = (event.user.id if event.user else 0, event.gift_id, event.group_id)
        before = streaks.get(streak, 0)
        streaks[streak] = max(before, rise)
        rise = max(0, rise - before)
    return rise * (event.gift.diamond_count if event.gift else 0)


@client.on(CommentEvent)
async def on_comment(event):
    count(event, "chats", lambda: 1)


@client.on(LikeEvent)
async def on_like(event):
    count(event, "likes", lambda: event.count)


@client.on(GiftEvent)
async def on_gift(event):
    count(event, "diamonds", lambda: added(event))


@client.on(LiveEndEvent)
async def on_end(_):
    global is_over
    is_over = True


@client.on(WebsocketResponseEvent)
async def on_data(_):
    global last_data
    last_data = time.monotonic()


async def on_response(response):
    """Notes the wait that a response states, in seconds or as a date: errors of the library have only some of them."""
    global not_before
    if told := response.headers.get("retry-after"):
        seconds = int(told) if told.isdigit() else parsedate_to_datetime(told).timestamp() - time.time()
        # A little later than told: clocks differ.
        not_before = time.monotonic() + seconds + 0.1


for http in (client.web.httpx_client, client.web.signer.sdk_client.get_async_httpx_client()):
    http.event_hooks = {"response": [on_response]}


async def watch():
    """Connects, and waits for the end of the connection."""
    global last_data, wait
    task = await client.start()
    started = last_data = time.monotonic()
    while not task.done():
        await asyncio.wait([task], timeout=1)
        if time.monotonic() > last_data + SILENT_S:
            await client.disconnect()
    try:
        await task
    finally:
        # The socket opens after `start`, so only data shows that it did.
        if last_data > started:
            wait = WAIT_S


async def main():
    global wait
    while not is_over:
        try:
            await watch()
        except UserOfflineError:
            # The user may go live later, but not within seconds.
            wait = WAIT_S_MAX
        except Exception as error:
            print(type(error).__name__, error, file=sys.stderr)
        if not is_over:
            await asyncio.sleep(max(wait, not_before - time.monotonic()))
        wait = min(2 * wait, WAIT_S_MAX)


asyncio.run(main())
