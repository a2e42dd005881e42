#!/bin/sh
# Sluicegate by curl: makes a topic, puts records in, and reads them in every way, each time going on where the last
# answer stood.
#
#   sh curl.sh [GATEWAY [TOPIC]]        sh curl.sh http://127.0.0.1:8080 shell-orders
set -eu

gateway=${1:-http://127.0.0.1:8080}
topic=${2:-shell-orders}
url=$gateway/v1/topics/$topic

# Shows a request and makes it. A refusal is shown too, as the problem that the gateway tells, and ends the script.
ask() {
    printf '\n$ curl' >&2
    for word in "$@"; do printf " '%s'" "$word" >&2; done
    printf '\n' >&2
    curl --silent --show-error --fail-with-body "$@"
}

# The cursor that stands under this name in lines of JSON; of several the last.
cursor() {
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | tail -n 1
}

say() {
    printf '\n# %s\n' "$*"
}

say 'A topic with two partitions. Asked for again as it is, it is left as it is.'
ask --request PUT --data '{"partitions":2}' "$url"

say 'A record: the body is the value, byte for byte. Key and headers go in the query.'
ask --data '{"order":1,"total":12.5}' "$url/records?key=c-17&header=source:shell"
say 'Whatever is in a file or comes from a pipe is a value as well. --data would cut its line ends out.'
printf 'two\nlines' | ask --data-binary @- "$url/records?key=c-18"
say 'A tombstone: the key is deleted, where the topic is compacted.'
ask --request POST "$url/records?key=c-18&tombstone=true"

say 'Everything up to now, as lines of JSON. Those with an "@" tell about the stream, the others are records.'
lines=$(ask --no-buffer --header 'Accept: application/x-ndjson' "$url/stream?from=earliest&until=now")
printf '%s\n' "$lines"
stand=$(printf '%s\n' "$lines" | grep '"@":"caught-up"' | cursor cursor)

say 'The same in pages. "next" is where to go on.'
page=$(ask "$url/records?from=earliest&max=2")
printf '%s\n' "$page"
next=$(printf '%s\n' "$page" | cursor next)
page=$(ask "$url/records?from=$next")
printf '%s\n' "$page"
next=$(printf '%s\n' "$page" | cursor next)

say 'A long poll: there is nothing behind that, so the answer waits until somebody puts something in.'
(sleep 1 && curl --silent --show-error --data 'came later' "$url/records?key=c-17" >/dev/null) &
ask "$url/records?from=$next&wait=30s"
wait

say 'Server-sent events, from where the lines stood. A client that was cut off resumes in this way by its last id.'
ask --no-buffer --header 'Accept: text/event-stream' --header "Last-Event-ID: $stand" "$url/stream?until=now"

say 'Without `until` a stream goes on for ever:'
printf "curl -N '%s/stream?from=latest'\n" "$url"
