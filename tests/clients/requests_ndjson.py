"""requests on a stream of lines: python requests_ndjson.py URL. A line of JSON for each that it reads.

Coming back with the last cursor is up to the user.
"""

import json
import sys
import time

import requests

url = sys.argv[1]
cursor = None
session = requests.Session()
session.trust_env = False
session.headers["Accept"] = "application/x-ndjson"
while True:
    try:
        # A heartbeat comes every 15 s: what is silent for longer is broken.
        resumed = {"last_event_id": cursor} if cursor else {}
        with session.get(url, params=resumed, stream=True, timeout=(10, 60)) as response:
            response.raise_for_status()
            # Bytes: as text, iter_lines would also split at U+2028 and U+0085, which may stand in a value.
            for line in response.iter_lines():
                record = json.loads(line)
                cursor = record.get("cursor", cursor)
                event = record.get("@", "message")
                print(json.dumps({"event": event, "id": cursor, "data": line.decode()}), flush=True)
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        print(repr(error), file=sys.stderr)
    except ValueError as error:
        # A proxy ended the answer as if it were whole: half a line is no JSON, and perhaps no UTF-8.
        print(repr(error), file=sys.stderr)
    time.sleep(1)
