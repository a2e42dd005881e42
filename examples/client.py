"""A client of Sluicegate with nothing but Python's standard library: puts records in, and reads a stream that resumes.

    python3 client.py write GATEWAY TOPIC KEY VALUE
    python3 client.py read GATEWAY TOPICS [FROM [LAST_ID]]

`read` prints each record as a line of JSON, for ever. Its URL never changes: whatever breaks, the id of the last event
that came whole says where to go on. To survive your own restart, keep that id with what you made of the record.
"""

import http.client
import json
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# A heartbeat comes every 15 s: a stream that is silent for longer than this is broken.
SILENCE_S = 45
# How long to wait before trying again, when the gateway did not say: doubled each time, up to the most.
LEAST_PAUSE_S, MOST_PAUSE_S = 0.5, 30


class Refused(Exception):
    """The gateway's answer was no; `problem` says why (RFC 9457), with a stable `code`."""

    def __init__(self, problem):
        super().__init__(f"{problem.get('title')}: {problem.get('detail')}")
        self.problem = problem


def refusal(error):
    """What an HTTPError says, as Refused. Something between here and the gateway may have answered in its place."""
    try:
        return Refused(json.loads(error.read()))
    except (ValueError, OSError, http.client.HTTPException):
        return Refused({"title": str(error), "status": error.code, "retryable": error.code >= 500})


def write(gateway, topic, value, key=None, headers=()):
    """Puts one record in, whose value is these bytes, and returns where it was written.

    Tries again while the gateway says that it was certainly not written. Raises Refused, whose problem says with
    `written` whether it may have been, or OSError where there was no answer, which leaves that open.
    """
    query = [("header", f"{name}:{text}") for name, text in headers]
    if key is not None:
        query.append(("key", key))
    url = f"{gateway}/v1/topics/{urllib.parse.quote(topic)}/records?{urllib.parse.urlencode(query)}"
    # Whatever type is said here becomes the record's header `content-type`.
    request = urllib.request.Request(url, data=value, headers={"Content-Type": "application/octet-stream"})
    for pause in (0.2, 1, 5, None):
        try:
            with urllib.request.urlopen(request, timeout=SILENCE_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            refused = refusal(error)
            if pause is None or not refused.problem.get("retryable") or refused.problem.get("written") == "unknown":
                raise refused from None
            time.sleep(pause)


def events(response):
    """The events of one connection: name, id, data and retry (in ms, or None) of each that came whole."""
    name, last_id, data, retry = "message", "", [], None
    while line := response.readline():
        if not line.endswith(b"\n"):
            return  # cut off amid a line
        field, _, text = line.rstrip(b"\n").decode().partition(":")
        text = text.removeprefix(" ")
        if field == "data":
            data.append(text)
        elif field == "id":
            last_id = text
        elif field == "event":
            name = text
        elif field == "retry":
            retry = int(text)
        elif line == b"\n" and data:
            yield name, last_id, "\n".join(data), retry
            name, data, retry = "message", [], None


def read(gateway, topics, start="latest", last_id=""):
    """Yields (record, id) of these topics for ever, each record once. Raises Refused when trying again is in vain."""
    url = f"{gateway}/v1/topics/{urllib.parse.quote(topics, safe=',*')}/stream?{urllib.parse.urlencode({'from': start})}"
    failures, pause = 0, LEAST_PAUSE_S
    while True:
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=SILENCE_S) as response:
                if response.status == 204:
                    return  # what was asked for with `until` is over
                for name, event_id, data, retry in events(response):
                    failures = 0
                    if retry is not None:
                        pause = retry / 1000
                    if name == "message":
                        yield json.loads(data), event_id
                    elif name == "fault":
                        fault = json.loads(data)
                        print(f"fault: {fault['problem']['detail']}", file=sys.stderr)
                        if fault["final"]:
                            raise Refused(fault["problem"])
                    elif name == "gap":
                        print(f"lost: {data}", file=sys.stderr)
                    last_id = event_id or last_id
        except urllib.error.HTTPError as error:
            refused = refusal(error)
            if not refused.problem.get("retryable"):
                raise refused from None
            failures += 1
        except (OSError, http.client.HTTPException) as error:
            print(f"cut off ({error!r}), comes back", file=sys.stderr)
            failures += 1
        # Everybody was cut off together: nobody should come back together.
        longest = min(pause * 2 ** min(failures, 10), MOST_PAUSE_S)
        time.sleep(longest * random.uniform(0.5, 1))


def main(arguments):
    match arguments:
        case ["write", gateway, topic, key, value]:
            print(json.dumps(write(gateway, topic, value.encode(), key)))
        case ["read", gateway, topics, *more] if len(more) <= 2:
            for record, last_id in read(gateway, topics, *more):
                print(json.dumps({**record, "id": last_id}), flush=True)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except KeyboardInterrupt:
        pass
