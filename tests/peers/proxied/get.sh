# Uses curl: `sh get.sh <lookup> <sign> <other>`. The proxy is stated, and the variables name the certificate.
set -eu
room=$(curl --silent --show-error --fail --proxy "$HTTPS_PROXY" "$1" | sed 's/.*"roomId":"\([0-9]*\)".*/\1/')
echo "room $room"
echo "sign $(curl --silent --output /dev/null --write-out '%{http_code}' --proxy "$HTTPS_PROXY" "$2$room")"
echo "other host $(curl --silent --output /dev/null --write-out '%{http_connect}' --proxy "$HTTPS_PROXY" "$3" || true)"
