# Adds up the diamonds of a LIVE, and resumes after a broken connection.
total=0 since=''
while :; do
  while read -r line; do
    [[ $line = 410 ]] && since=''
    [[ $line =~ \"diamonds\":([0-9]+) ]] && echo "diamonds: $((total += BASH_REMATCH[1]))"
    [[ $line =~ \"stream\":\"([0-9a-f]+)\",\"seq\":([0-9]+) ]] && since="&since=${BASH_REMATCH[1]}:${BASH_REMATCH[2]}"
    [[ $line = *'"reason":"recording_ended"'* ]] && exit
  done < <(curl -sN -w '\n%{http_code}\n' "$LIVETAPE_HTTP/events?gifts=delta$since")
  sleep 3
done
