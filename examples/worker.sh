#!/usr/bin/env bash
# A worker of a consumer group by bash, curl and jq.
#
#   bash worker.sh GATEWAY GROUP TOPICS        bash worker.sh http://127.0.0.1:8080 invoicing orders
#
# Takes the records of these topics (names, by commas) that the group has not worked off yet, hands each to `handle`,
# and acknowledges what that has done. Start as many as you like: a partition is worked off by one of them at a time, in
# its order. Each record is done at least once: what `handle` fails at comes again a little later, and so does what was
# held by a worker that died. SIGTERM and SIGINT end a worker as soon as what it holds is done and acknowledged.
#
# `handle` is yours to replace: here, or in a script of your own: `source worker.sh; handle() { …; }; main "$@"`.
set -uo pipefail

# What belongs to the group, so that all its workers have to ask for the same. `max_attempts` and `dead_letter` are the
# ones to think of: without them a record that always fails comes again for ever.
settings='{}'
# The most records taken at once. What fails is overtaken by those that came with it: with 1 it is overtaken by none.
most=100
# How many seconds the gateway lets an empty poll wait; one that is silent for so much longer is broken.
wait_s=20 silence_s=15
# How many milliseconds to wait before asking again: doubled each time, up to the most.
least_pause=500 most_pause=30000
# How often a worker that was told to end asks a gateway that does not answer.
last_tries=4

# Does the work for a record, a line of JSON: to succeed acknowledges it, to fail gives it back. The first command that
# fails ends it. A record may come twice, whoever delivers it at least once: let the second time do no harm.
handle() {
    printf '%s\n' "$1"
}

say() {
    printf '%s\n' "$*" >&2
}

# What to post. What was done rides on the next poll, so it costs no request of its own. Who is to end (`stopping` is 0
# then, else empty) does not wait for more; but what a reply that was cut off had brought is still to come.
acks() {
    jq -c --slurp '{ids: map(.id // empty), nacks: map(.nack // empty)}' "$folder/done"
}
poll() {
    acks | jq -c --arg topics "$topics" --arg session "$session" --argjson settings "$settings" \
        --argjson seq "$seq" --argjson max "$batch" --argjson wait_ms "$((${stopping:-$wait_s} * 1000))" \
        '. + $settings + {topics: ($topics / ","), from: "earliest", $session, $seq, $max, $wait_ms}'
}

# Posts what poll or acks say until it is answered, and leaves the answer in its file. Nobody knows of a reply that was
# lost whether it was on its way. It does not matter: to acknowledge twice is to acknowledge, and a poll with the same
# number brings the same records.
ask() {
    local failures=0 told longest
    while true; do
        told=$stopping
        "$1" >"$folder/body"
        post "$1" "$told" && return
        [ "$told" = "$stopping" ] || continue
        failures=$((failures + 1))
        if [ -n "$stopping" ] && [ "$failures" -ge "$last_tries" ]; then
            say "ends without an answer ($why): what was not acknowledged comes again"
            leave 1
        fi
        # Everybody was turned away together: nobody should come back together.
        longest=$((failures < 10 ? least_pause << failures : most_pause))
        [ "$longest" -le "$most_pause" ] || longest=$most_pause
        pause=$((pause * 1000 + longest / 2 + RANDOM % (longest / 2)))
        pause=$((pause / 1000)).$(printf '%03d' $((pause % 1000)))
        say "no answer ($why), asks again in $pause s"
        sleep "$pause" &
        await "$told"
    done
}

# One request: fails where it may be made again, and leaves why and the pause in seconds that the gateway asked for.
post() {
    local code='' status=''
    pause=0
    : >"$folder/answer"
    curl --silent --show-error --max-time $((${2:-$wait_s} + silence_s)) --header 'Content-Type: application/json' \
        --data-binary "@$folder/body" --dump-header "$folder/head" --output "$folder/answer" \
        --write-out '%{exitcode} %{http_code}' "$url/$1" >"$folder/outcome" 2>"$folder/why" &
    await "$2"
    why=$(<"$folder/why")
    # Its own word, for `wait` may tell of a signal in its place.
    read -r code status <"$folder/outcome"
    [ "$code" = 0 ] || return 1
    case $status in
        204) return 0 ;;
        # What is cut off amid its head is whole to curl, and empty.
        2??)
            why='cut off'
            [ -s "$folder/answer" ]
            return
            ;;
    esac
    why=$(jq -er '"\(.title // error): \(.detail)"' "$folder/answer" 2>/dev/null) || why="status $status"
    # Where there is no problem to read, something between here and the gateway has answered in its place.
    case $status,$(jq -r '.code // "", .retryable // ""' "$folder/answer" 2>/dev/null) in
        *,fenced) say "$why" && return 0 ;;
        *true | 429, | 5??,) ;;
        *) say "refused: $why" && leave 1 ;;
    esac
    pause=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,5\}\)[^0-9]*$/\1/p' "$folder/head" | tail -n 1)
    pause=${pause:-0}
    return 1
}

# Waits for what was just begun, and for no longer than until the worker is told to end, if it was not told before. bash
# acts on a signal only between commands or amid its own `wait`, so whatever takes its time is begun with `&`.
await() {
    child=$!
    [ "$1" = "$stopping" ] || stop
    wait "$child"
    # A signal ends the wait and not the child, which may have been too young to hear its own: its files are in use until
    # it has gone.
    while kill -0 "$child" 2>/dev/null; do
        [ "$1" = "$stopping" ] || kill "$child" 2>/dev/null
        sleep 0.05
    done
    child=''
}

# Not a trap on EXIT: a child that is ended before it is a program of its own would act on that, too.
leave() {
    rm -rf "$folder"
    exit "$1"
}

stop() {
    stopping=0
    [ -z "$child" ] || kill "$child" 2>/dev/null
}

# Hands the records of the answer to the handler, one by one, and writes down what is done and what goes back. After the
# lease others are given what is not acknowledged. Half of it is left for the record in the hand and for the
# acknowledgement: what was not begun by then goes back, and less is asked for.
work_off() {
    local until begun=0 over='' id attempt place record delay
    jq -r '.fenced // empty | "\(length) acknowledgements came too late: their records come again"' \
        "$folder/answer" >&2
    until=$((SECONDS + $(jq --slurp '.[0].lease_ms // 86400000' "$folder/answer") / 2000))
    jq -r '.records[]? | .id, .attempt // 1, "\(.topic) \(.partition):\(.offset)", tojson' \
        "$folder/answer" >"$folder/records"
    while IFS= read -r id && read -r attempt && read -r place && IFS= read -r record; do
        if [ "$begun" -gt 0 ] && [ "$SECONDS" -gt "$until" ]; then
            over=yes
            printf '{"nack":{"id":"%s"}}\n' "$id"
            continue
        fi
        begun=$((begun + 1))
        # Not as a condition, in which `set -e` would mean nothing. A Ctrl-C is told to the handler too, and is the
        # worker's to act on.
        (
            trap '' INT
            set -e
            handle "$record"
        ) </dev/null >&3
        if [ $? -eq 0 ]; then
            printf '{"id":"%s"}\n' "$id"
        else
            say "failed at $place, attempt $attempt"
            delay=$((attempt < 7 ? 1 << (attempt - 1) : 60))
            printf '{"nack":{"id":"%s","delay_ms":%d}}\n' "$id" $((delay * 1000))
        fi
    done <"$folder/records" 3>&1 >"$folder/done"
    if [ -n "$over" ]; then batch=$begun; else batch=$((batch * 2 < most ? batch * 2 : most)); fi
}

main() {
    if [ $# -ne 3 ]; then
        say 'bash worker.sh GATEWAY GROUP TOPICS'
        exit 1
    fi
    url=$1/v1/groups/$(jq -rn --arg group "$2" '$group | @uri')
    topics=$3
    # The session is nobody else's. By it and the number of the poll the gateway knows a poll that comes twice.
    session=${HOSTNAME:0:50}-$$-$RANDOM$RANDOM
    seq=0 batch=$most stopping='' child=''
    folder=$(mktemp -d) || exit 1
    trap stop TERM INT
    : >"$folder/done"
    while [ -z "$stopping" ]; do
        seq=$((seq + 1))
        ask poll
        work_off
    done
    if [ -s "$folder/done" ]; then ask acks; fi
    leave 0
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then main "$@"; fi
