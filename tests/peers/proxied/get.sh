# Uses curl: `sh get.sh <lookup> <sign> [<other>]`. The proxy, if there is one, is stated, and the variables name the certificate.
set -eu
get() { curl --silent --show-error ${HTTPS_PROXY:+--proxy "$HTTPS_PROXY"} "$@"; }
room=$(get --fail "$1" | sed 's/.*"roomId":"\([0-9]*\)".*/\1/')
echo "room $room"
echo "sign $(get --output /dev/null --write-out '%{http_code}' "$2$room")"
[ -z "${3:-}" ] || echo "other host $(get --output /dev/null --write-out '%{http_connect}' "$3" 2> /dev/null || true)"
