"""httpx-sse: python httpx_sse_client.py URL. A line of JSON for each event that it yields.

The library reads one connection. Coming back with the last id is up to its user, as its README says.
"""

import json
import sys
import time

import httpx
from httpx_sse import connect_sse

url = sys.argv[1]
last_id, pause = "", 1.0
# No read may wait for longer than a few heartbeats; httpx's own limit is 5 s.
timeout = httpx.Timeout(10, read=60)
with httpx.Client(timeout=timeout, trust_env=False) as client:
    while True:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        try:
            with connect_sse(client, "GET", url, headers=headers) as source:
                source.response.raise_for_status()
                for event in source.iter_sse():
                    last_id = event.id
                    if event.retry is not None:
                        pause = event.retry / 1000
                    print(json.dumps({"event": event.event, "id": event.id, "data": event.data}), flush=True)
        except httpx.TransportError as error:
            print(repr(error), file=sys.stderr)
        time.sleep(pause)
