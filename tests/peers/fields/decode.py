"""Decodes messages with the unmodified PyPI TikTokLive 7.0.1, as `decode.mjs` does with its client."""

import json
import sys
from base64 import b64decode
from dataclasses import fields, is_dataclass

from TikTokLive.events.proto_events import EVENT_MAPPINGS


def plain(value):
    """`to_dict` of the client fails for several types."""
    if is_dataclass(value):
        return {camel(field.name): plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    return value


def camel(name):
    first, *words = name.split("_")
    return first + "".join(map(str.capitalize, words))


def decoded(method, payload):
    if method not in EVENT_MAPPINGS:
        return None
    try:
        return plain(EVENT_MAPPINGS[method]().parse(b64decode(payload)))
    except Exception:
        return False


for line in sys.stdin:
    message = json.loads(line)
    print(json.dumps(decoded(message["method"], message["payload"])))
