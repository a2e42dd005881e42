"""A worker of a consumer group with nothing but Python's standard library.

    python3 worker.py GATEWAY GROUP TOPICS

Takes the records of these topics (names, by commas) that the group has not worked off yet, hands each to `handle`,
and acknowledges what that has done. Start as many as you like: a partition is worked off by one of them at a time, in
its order. Each record is done at least once: what `handle` fails at comes again a little later, and so does what was
held by a worker that died. SIGTERM and SIGINT end a worker as soon as what it holds is done and acknowledged.

`handle` is yours to replace: here, or in a program of your own by `worker.main(sys.argv[1:], my_handle)`.
"""

import http.client
import json
import math
import random
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

# What belongs to the group, so that all its workers have to ask for the same. `max_attempts` and `dead_letter` are the
# ones to think of: without them a record that always fails comes again for ever.
SETTINGS = {}
# The most records taken at once. What fails is overtaken by those that came with it: with 1 it is overtaken by none.
BATCH = 100
# How long the gateway lets an empty poll wait; one that is silent for so much longer is broken.
WAIT_S, SILENCE_S = 20, 15
# How long to wait before asking again: doubled each time, up to the most.
LEAST_PAUSE_S, MOST_PAUSE_S = 0.5, 30
# How often a worker that was told to end asks a gateway that does not answer.
LAST_TRIES = 4


def handle(record):
    """Does the work for a record: to return acknowledges it, to raise gives it back.

    A record may come twice, whoever delivers it at least once: let the second time do no harm.
    """
    print(json.dumps(record), flush=True)


class Refused(Exception):
    """The gateway's answer was no, and it will be: the problem (RFC 9457) says why."""


class Unanswered(Exception):
    """The gateway did not answer by the end."""


class Interrupted(Exception):
    """A signal came while the worker did nothing but wait."""


class Worker:
    """What takes records from the gateway, hands them to `work`, and acknowledges them."""

    def __init__(self, gateway, group, topics, work):
        self.url = f"{gateway}/v1/groups/{urllib.parse.quote(group, safe='')}"
        # The session is nobody else's. By it and the number of the poll the gateway knows a poll that comes twice.
        self.asks = {**SETTINGS, "topics": topics, "from": "earliest", "session": str(uuid.uuid4())}
        self.work = work
        self.batch = BATCH
        self.stopping = self.waiting = False

    def stop(self, *_):
        """Ends the worker; a handler of signals. A record in its hand is done first."""
        self.stopping = True
        if self.waiting:
            raise Interrupted

    def run(self):
        """Works until it is stopped. Raises Refused when asking again is in vain, and Unanswered."""
        seq, acks = 0, {"ids": [], "nacks": []}
        while not self.stopping:
            seq += 1
            # What was done rides on the next poll, so it costs no request of its own.
            reply = self.ask("poll", {**self.asks, **acks, "seq": seq, "max": self.batch})
            if fenced := reply.get("fenced"):
                print(f"{len(fenced)} acknowledgements came too late: their records come again", file=sys.stderr)
            acks = self.work_off(reply)
        if acks["ids"] or acks["nacks"]:
            self.ask("acks", acks)

    def work_off(self, reply):
        """Hands records to the handler, one by one; what to acknowledge of them and what to give back."""
        acks = {"ids": [], "nacks": []}
        # After the lease others are given what is not acknowledged. Half of it is left for the record in the hand and
        # for the acknowledgement: what was not begun by then goes back, and less is asked for.
        until = time.monotonic() + reply.get("lease_ms", math.inf) / 1000 / 2
        for done, record in enumerate(reply.get("records", [])):
            if done > 0 and time.monotonic() > until:
                self.batch = done
                acks["nacks"] += [{"id": record["id"]} for record in reply["records"][done:]]
                break
            try:
                self.work(record)
                acks["ids"].append(record["id"])
            except Exception as error:
                attempt = record.get("attempt", 1)
                place = f"{record['topic']} {record['partition']}:{record['offset']}"
                print(f"failed at {place}, attempt {attempt}: {error!r}", file=sys.stderr)
                delay_s = min(2 ** min(attempt - 1, 10), 60)
                acks["nacks"].append({"id": record["id"], "delay_ms": delay_s * 1000})
        else:
            self.batch = min(self.batch * 2, BATCH)
        return acks

    def ask(self, what, body):
        """Posts this until it is answered, and gives the answer.

        Nobody knows of a reply that was lost whether it was on its way. It does not matter: to acknowledge twice is to
        acknowledge, and a poll with the same number brings the same records.
        """
        failures = 0
        while True:
            pause = 0
            try:
                return self.post(what, body)
            except Interrupted:
                continue
            except urllib.error.HTTPError as error:
                problem = problem_of(error)
                if problem.get("code") == "fenced":
                    print(problem["detail"], file=sys.stderr)
                    return {}
                if not problem["retryable"]:
                    raise Refused(f"{problem['title']}: {problem.get('detail')}") from None
                why, pause = problem["title"], told_pause(error)
            except (OSError, ValueError, http.client.HTTPException) as error:
                why = repr(error)
            failures += 1
            if self.stopping and failures >= LAST_TRIES:
                raise Unanswered(why)
            # Everybody was turned away together: nobody should come back together.
            longest = min(LEAST_PAUSE_S * 2 ** min(failures, 10), MOST_PAUSE_S)
            pause += longest * random.uniform(0.5, 1)
            print(f"no answer ({why}), asks again in {pause:.1f} s", file=sys.stderr)
            try:
                self.wait(time.sleep, pause)
            except Interrupted:
                pass

    def post(self, what, body):
        def send():
            # Who is to end does not wait for more; but what a reply that was cut off had brought is still to come.
            wait_s = 0 if self.stopping else WAIT_S
            data = json.dumps({**body, "wait_ms": wait_s * 1000} if what == "poll" else body).encode()
            request = urllib.request.Request(f"{self.url}/{what}", data, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=wait_s + SILENCE_S) as answer:
                return {} if answer.status == 204 else json.load(answer)

        return self.wait(send)

    def wait(self, call, *arguments):
        """Calls something that a signal may break off."""
        self.waiting = not self.stopping
        try:
            return call(*arguments)
        finally:
            self.waiting = False


def told_pause(error):
    """After how many seconds to ask again, where an HTTPError says so in seconds (RFC 9110, 10.2.3); 0 elsewhere."""
    told = error.headers.get("Retry-After", "")
    return int(told) if told.isdigit() else 0


def problem_of(error):
    """What an HTTPError tells. Something between here and the gateway may have answered in its place."""
    other = {"title": str(error), "retryable": error.code >= 500 or error.code == 429}
    try:
        return {**other, **json.load(error)}
    except (TypeError, ValueError, OSError, http.client.HTTPException):
        return other


def main(arguments, work=handle):
    match arguments:
        case [gateway, group, topics]:
            worker = Worker(gateway, group, topics.split(","), work)
        case _:
            sys.exit(__doc__)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, worker.stop)
    try:
        worker.run()
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except Unanswered as unanswered:
        sys.exit(f"ends without an answer ({unanswered}): what was not acknowledged comes again")


if __name__ == "__main__":
    main(sys.argv[1:])
