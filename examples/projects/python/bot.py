"""Counts what viewers do in a LIVE: `livetape run demo --exit-when-done -- python bot.py`."""

import asyncio
import contextlib
import math
import os
import signal
import sys
from dataclasses import dataclass, field

import livetape

PRINT_SECONDS = 0.1


@dataclass
class Totals:
    chats: int = 0
    gifts: int = 0
    diamonds: int = 0
    likes: int = 0
    follows: int = 0
    gifters: dict[str, int] = field(default_factory=dict)

    def add(self, event: livetape.Event) -> None:
        data = event.data
        match event.type:
            case "chat":
                self.chats += 1
            case "gift":
                # A streak sends several events. Each reports only what it adds.
                self.gifts += data["repeatDelta"]
                self.diamonds += data["diamonds"]
                # TikTok sometimes leaves out who sent a gift.
                if sender := data["sender"]:
                    self.gifters[sender] = self.gifters.get(sender, 0) + data["diamonds"]
            case "like":
                # Not `totalLikeCount`, which TikTok only estimates.
                self.likes += data["likeCount"]
            case "social" if data["action"] == "follow":
                self.follows += 1

    def line(self) -> str:
        # Of several viewers with the most diamonds, the one who gave first.
        top = max(self.gifters, key=self.gifters.__getitem__, default="")
        return (
            f"chats: {self.chats} gifts: {self.gifts} diamonds: {self.diamonds} "
            f"likes: {self.likes} follows: {self.follows} top_gifter: {top}"
        )


class Bot:
    def __init__(self) -> None:
        self.totals = Totals()
        self.pass_of_replay: tuple[str, str] | None = None
        self.printed = ""
        self.timer: asyncio.TimerHandle | None = None

    async def run(self, url: str, token: str | None = None) -> None:
        """Count until the source ends. A broken connection is opened again, after up to 5 s."""
        # Without `types`, every event moves the position, so a reconnect always resumes where the connection broke.
        client = livetape.connect(url, token=token, max_attempts=math.inf, max_delay=5)
        try:
            async with client:
                async for event in client:
                    self.receive(event)
        finally:
            self.print()

    def receive(self, event: livetape.Event) -> None:
        # A lap or seek of a replay changes the end of the ids, a restart of its server the stream. Totals then start over.
        # An inferred end of a streak has no id of its own.
        marked = event.id or event.data.get("streakId")
        if event.replay and marked:
            current = (event.stream, marked.partition("~")[2])
            if self.pass_of_replay not in (None, current):
                self.totals = Totals()
            self.pass_of_replay = current
        self.totals.add(event)
        if not self.timer:
            self.timer = asyncio.get_running_loop().call_later(PRINT_SECONDS, self.print)

    def print(self) -> None:
        self.timer = None
        line = self.totals.line()
        if line != self.printed:
            print(line, flush=True)
        self.printed = line


async def main() -> int:
    task = asyncio.current_task()
    with contextlib.suppress(NotImplementedError):  # Windows
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    try:
        await Bot().run(os.environ.get("LIVETAPE_URL", "ws://127.0.0.1:3000/"), os.environ.get("LIVETAPE_TOKEN"))
    except asyncio.CancelledError:
        return 0
    except livetape.LivetapeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
