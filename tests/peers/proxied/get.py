"""Uses Python's requests: `python get.py <lookup> <sign> <other>`."""

import sys

import requests

lookup, sign, other = sys.argv[1:]
room = requests.get(lookup).json()["data"]["user"]["roomId"]
print("room", room)
print("sign", requests.get(sign + room).status_code)
try:
    requests.get(other)
except requests.exceptions.ProxyError as error:
    print("other host 502" if "502" in str(error) else error)
