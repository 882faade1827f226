"""A bot that counts diamonds and answers comments, and four broken versions of it. Run it as `bot.py NAME`.

It looks its room up on TikTok, then reads the feed. At the end of the LIVE it prints a summary as JSON. After it was
disconnected, it reconnects when it reads a line: after a time, it could be back before it has missed anything.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from urllib.error import HTTPError
from urllib.request import urlopen

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

# Value of `action` when the LIVE has ended.
ENDED = 3


class Healthy:
    """Does everything right."""

    def __init__(self) -> None:
        self.diamonds: Counter[str] = Counter()
        self.replies: list[str] = []
        self.position = "0"
        self.is_over = False

    def look_up(self, tiktok: str) -> None:
        while True:
            try:
                urlopen(f"{tiktok}/api-live/user/room/?uniqueId=ann").close()
            except HTTPError as error:
                self.wait(float(error.headers.get("Retry-After", 1)))
            else:
                return

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    async def run(self, feed: str) -> None:
        while not self.is_over:
            since = f"?since={self.position}" if self.position else ""
            async with connect(feed + since, proxy=None) as socket:
                try:
                    while not self.is_over:
                        event = json.loads(await socket.recv())
                        self.handle(event["type"], event["data"])
                        self.remember(f"{event['stream']}:{event['seq']}")
                except ConnectionClosed:
                    await asyncio.to_thread(sys.stdin.readline)

    def remember(self, position: str) -> None:
        self.position = position

    def handle(self, kind: str, data: dict) -> None:
        if kind == "gift":
            self.diamonds[data["sender"]] += self.worth(data)
        elif kind == "chat" and data["comment"].startswith("!double "):
            self.replies.append(self.double(data["comment"].removeprefix("!double ")))
        elif kind == "control" and data["action"] == ENDED:
            self.is_over = True

    def worth(self, gift: dict) -> int:
        """TikTok repeats the total of a streak in each of its messages."""
        return gift["repeatCount"] * gift["diamondCount"] if gift["isFinal"] else 0

    def double(self, number: str) -> str:
        try:
            return str(2 * int(number))
        except ValueError:
            return "not a number"


class Impatient(Healthy):
    """Ignores Retry-After."""

    def wait(self, seconds: float) -> None:
        pass


class Greedy(Healthy):
    """Counts every message of a streak."""

    def worth(self, gift: dict) -> int:
        return gift["repeatCount"] * gift["diamondCount"]


class Forgetful(Healthy):
    """Does not resume."""

    def remember(self, position: str) -> None:
        self.position = ""


class Fragile(Healthy):
    """Dies of an unhandled exception."""

    def double(self, number: str) -> str:
        return str(2 * int(number))


if __name__ == "__main__":
    bot = {bot.__name__: bot for bot in (Healthy, Impatient, Greedy, Forgetful, Fragile)}[sys.argv[1]]()
    if "LIVETAPE_MOCK_URL" in os.environ:
        bot.look_up(os.environ["LIVETAPE_MOCK_URL"])
    asyncio.run(bot.run(os.environ["LIVETAPE_URL"]))
    print(json.dumps({"diamonds": bot.diamonds, "replies": bot.replies}))
