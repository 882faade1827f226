"""A correct bot, and a bug planted into it: `BUG=only_repeat_end python planted.py`. `--list` prints the names of all bugs.

Each line of `BUGS` replaces a part of `Right`. `planted.mjs` has the same bugs.
"""

import asyncio
import json
import os
import sys
import time
import traceback
import zlib
from urllib.request import urlopen

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

BUG = os.environ.get("BUG") or "".join(sys.argv[1:])
PRINT_SECONDS = 0.1
NEVER, TIGHT, SILENCE = 1e6, 0.05, 10
FINAL = (1000, 1008, 1009)
LOST = 1006


class State:
    def __init__(self):
        self.last = None  # stream and number of the last event
        self.current_pass = None
        self.connections = self.attempt = 0
        self.printed, self.timer, self.watchdog = "", None, None
        self.base = self.room = self.second = None
        self.in_second = 0
        self.seen, self.counted = set(), {}
        self.start_over()

    def start_over(self):
        self.totals = dict.fromkeys(("chats", "gifts", "diamonds", "likes", "follows", "empty_texts", "texts"), 0)
        self.gifters = {}  # name and diamonds of each viewer, in the order of their first gift

    def is_first(self, key):
        """Whether a key occurs for the first time."""
        before = len(self.seen)
        self.seen.add(key)
        return len(self.seen) > before

    def grown(self, key, gift):
        """What a gift event adds to the highest count so far of its key."""
        before = self.counted.get(key, 0)
        self.counted[key] = max(gift["repeatCount"], before)
        delta = self.counted[key] - before
        return delta, delta * gift["diamondCount"]

    def is_over(self, limit, event):
        """Whether there were more events in this second of the show."""
        second = event["ts"][:19]
        self.second, self.in_second = second, self.in_second + 1 if second == self.second else 1
        return self.in_second > limit

    def watch(self, is_on):
        """Notice when no event comes for a while."""
        if self.watchdog:
            self.watchdog.cancel()
        self.watchdog = asyncio.get_running_loop().call_later(SILENCE, Bot.silent) if is_on else None

    def enter(self, room):
        """Start over if the room is another one."""
        if self.room != room:
            self.start_over()
        self.room = room


it = State()


class Right:
    """A correct bot."""

    @staticmethod
    def since(position):
        """Query of the next connection."""
        return f"?since={position}" if position else ""

    @staticmethod
    def forget():
        """Position after close 4001."""

    @staticmethod
    def is_new(event):
        return it.last is None or event["stream"] != it.last[0] or event["seq"] > it.last[1]

    @staticmethod
    def pass_of(event):
        """What changes with each lap, seek and restart of a replay: the stream, and the end of the ids."""
        return (event["stream"], event["id"].partition("~")[2]) if event.get("replay") and "id" in event else None

    @staticmethod
    def gift(gift):
        """What a gift event adds: gifts and diamonds."""
        return gift["repeatDelta"], gift["diamonds"]

    @staticmethod
    def likes(like):
        """All likes after a like event."""
        return it.totals["likes"] + like["likeCount"]

    @staticmethod
    def gifter(gift):
        """Key of the viewer in the ranking."""
        return gift["sender"]

    @staticmethod
    def text(chat):
        return chat["comment"]

    @staticmethod
    def author(chat):
        """Who is printed as the author of a comment."""
        return chat["sender"]

    @staticmethod
    def delay(code, attempt, was_open):
        """Time until the next connection, in seconds; nothing if there is none."""
        return None if code in FINAL else min(2**attempt, 5)

    @staticmethod
    def look(event):
        """Called before an event is counted."""

    @staticmethod
    def silent():
        """Called once no event has come for a while."""


def all_of(gift):
    return gift["repeatCount"], gift["repeatCount"] * gift["diamondCount"]


def fail(why):
    raise RuntimeError(why)


def until_repeat_end(gift):
    key = (gift["sender"], gift["giftId"])
    adds = it.grown(key, gift)
    if gift["repeatEnd"]:
        del it.counted[key]
    return adds


def of_the_last_gift(gift):
    if gift["streakId"] not in it.counted:
        it.counted.clear()
    return it.grown(gift["streakId"], gift)


def minus_base(like):
    if it.base is None:
        it.base = like["totalLikeCount"] - like["likeCount"]
    return like["totalLikeCount"] - it.base


def schema():
    """The server's schema. It may listen later."""
    while True:
        try:
            with urlopen(os.environ["LIVETAPE_HTTP"] + "/schema/events.json") as response:
                return json.load(response)
        except OSError:
            time.sleep(0.5)


if BUG == "crashes_on_unknown":
    KNOWN = schema()["discriminator"]["mapping"]

# fmt: off
BUGS = {
    # Streaks.
    "sum_of_repeat_count": {"gift": all_of},
    "only_repeat_end": {"gift": lambda gift: all_of(gift) if gift["giftType"] != 1 or gift["repeatEnd"] else (0, 0)},
    "first_message_only": {"gift": lambda gift: all_of(gift) if not gift["streakId"] or it.is_first(gift["streakId"]) else (0, 0)},
    "diamond_count_only": {"gift": lambda gift: (gift["repeatDelta"], gift["diamondCount"])},
    "messages_not_gifts": {"gift": lambda gift: (1, gift["diamonds"])},
    "streak_by_user_and_gift": {"gift": lambda gift: it.grown((gift["sender"], gift["giftId"]), gift)},
    "streak_until_repeat_end": {"gift": until_repeat_end},
    "streak_of_the_last_gift": {"gift": of_the_last_gift},
    # Likes.
    "like_total": {"likes": lambda like: like["totalLikeCount"]},
    "like_total_minus_base": {"likes": minus_base},
    # People.
    "empty_texts": {"text": lambda chat: chat.get("text", "")},
    "nicknames_for_ids": {"author": lambda chat: (chat["user"] or {}).get("nickname", "")},
    "numbers_by_nickname": {"gifter": lambda gift: gift["user"]["nickname"]},
    "parse_ids_as_numbers": {
        "gifter": lambda gift: float(gift["user"]["userId"]),
        "is_new": lambda event: Right.is_new(event) and (event["type"] != "chat" or it.is_first(float(event["id"]))),
    },
    "crashes_on_missing_user": {"look": lambda event: event["type"] in ("chat", "gift") and event["data"]["sender"][0].upper()},
    "crashes_on_missing_gift": {"look": lambda event: event["type"] == "gift" and event["data"]["giftName"][0].upper()},
    "breaks_on_names": {"look": lambda event: event["data"].get("sender") and event["data"].get("user", {"nickname": "x"})["nickname"][0]},
    # Events.
    "crashes_on_unknown": {"look": lambda event: KNOWN[event["type"]]},
    "exits_on_error_event": {"look": lambda event: event["type"] == "error" and sys.exit(1)},
    "starts_over_in_a_new_room": {"look": lambda event: event["type"] == "connection_created" and it.enter(event["data"]["roomId"])},
    "drops_in_a_burst": {"is_new": lambda event: Right.is_new(event) and not it.is_over(1000, event)},
    "never_starts_over": {"pass_of": lambda _: None},
    "exits_when_silent": {"silent": lambda: os._exit(1)},
    # Connections.
    "again_after_reconnect": {"since": lambda _: "?since=0" if it.connections > 1 else "", "is_new": lambda _: True},
    "starts_over_when_connected": {
        "since": lambda _: "",
        "is_new": lambda event: event["type"] == "connection_created" or Right.is_new(event),
        "look": lambda event: event["type"] == "connection_created" and it.start_over(),
    },
    "insists_on_position": {"forget": lambda: it.last},
    "never_reconnects": {"delay": lambda code, *_: None if code in FINAL else NEVER},
    "exits_when_closed": {"delay": lambda *_: None},
    "gives_up_at_start": {"delay": lambda *why: Right.delay(*why) if it.last else None},
    "no_backoff": {"delay": lambda code, *_: None if code in FINAL else TIGHT},
    "reconnects_for_ever": {
        "delay": lambda code, attempt, was_open: TIGHT if code in FINAL or not was_open else Right.delay(code, attempt, was_open),
    },
    "comes_back_too_late": {"delay": lambda code, *_: None if code in FINAL else 45},
    "ten_attempts_for_life": {"delay": lambda *why: Right.delay(*why) if it.connections <= 10 else None},
    "backoff_for_life": {"delay": lambda code, *_: None if code in FINAL else 2 ** (it.connections - 1)},
}
# fmt: on


class Bot(Right):
    """A bot with the bug."""


def show():
    it.timer = None
    top = max(it.gifters.values(), key=lambda gifter: gifter["diamonds"], default={"name": ""})
    line = " ".join(f"{name}: {value}" for name, value in {**it.totals, "gifters": len(it.gifters), "top_gifter": top["name"]}.items())
    if line != it.printed:
        print(line, flush=True)
    it.printed = line


def count(event):
    data = event["data"]
    if event["type"] == "chat":
        text = Bot.text(data)
        it.totals["chats"] += 1
        it.totals["empty_texts"] += text == ""
        it.totals["texts"] = (it.totals["texts"] + zlib.crc32(f"{Bot.author(data)} {text}".encode())) % 2**32
    elif event["type"] == "like":
        it.totals["likes"] = Bot.likes(data)
    elif event["type"] == "social" and data["action"] == "follow":
        it.totals["follows"] += 1
    elif event["type"] == "gift":
        gifts, diamonds = Bot.gift(data)
        it.totals["gifts"] += gifts
        it.totals["diamonds"] += diamonds
        if data["sender"]:
            it.gifters.setdefault(Bot.gifter(data), {"name": data["sender"], "diamonds": 0})["diamonds"] += diamonds


def receive(text):
    event = json.loads(text)
    if event["type"] != "error":
        it.attempt = 0
    if "seq" in event and not Bot.is_new(event):
        return
    current_pass = Bot.pass_of(event) or it.current_pass
    if it.current_pass and current_pass != it.current_pass:
        it.start_over()
    it.current_pass = current_pass
    Bot.look(event)
    it.watch(event["type"] != "disconnected")
    if "seq" in event:
        it.last = (event["stream"], event["seq"])
    count(event)
    it.timer = it.timer or asyncio.get_running_loop().call_later(PRINT_SECONDS, show)


async def read():
    """Read one connection to its end. Return its close code, and whether it was open."""
    it.connections += 1
    position = it.last and f"{it.last[0]}:{it.last[1]}"
    try:
        async with connect(os.environ["LIVETAPE_URL"] + Bot.since(position), proxy=None, compression=None, max_size=None) as socket:
            try:
                while True:
                    text = await socket.recv()
                    try:
                        receive(text)
                    except BaseException:
                        # At once: `connect` would first wait 10 s for the server's close frame.
                        traceback.print_exc()
                        os._exit(1)
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else LOST, True
    except (OSError, EOFError, InvalidHandshake):
        return LOST, False


async def main():
    while True:
        code, was_open = await read()
        it.watch(False)
        show()
        if code == 4001:
            it.last = Bot.forget()
        delay = Bot.delay(code, it.attempt, was_open)
        it.attempt += 1
        if delay is None:
            return
        await asyncio.sleep(delay)


if BUG == "--list":
    print(*BUGS, sep="\n")
    sys.exit()
if BUG and BUG not in BUGS:
    fail(f"there is no bug {BUG}")
for name, part in BUGS.get(BUG, {}).items():
    setattr(Bot, name, staticmethod(part))
asyncio.run(main())
