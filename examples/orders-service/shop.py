"""A shop that never heard of Kafka: it takes orders by HTTP, and knows an address that keeps them.

    python3 shop.py [GATEWAY [PORT]]        python3 shop.py http://127.0.0.1:8080 8000

    GET /            the page (shop.html)
    POST /orders     takes an order, and puts it into the gateway with a POST
    GET /orders      the orders as they come: the gateway's event stream, handed on

The page may also read the stream from the gateway itself: open /?gateway=http://127.0.0.1:8080 and list the shop's
origin in the gateway's `listen.cors_origins`. Nothing here but Python's standard library.
"""

import http.client
import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRICES = {"tea": 12.90, "coffee": 21.50, "mug": 9.50}
PAGE = pathlib.Path(__file__).with_name("shop.html")
# A heartbeat comes every 15 s: a stream that is silent for longer than this is broken.
SILENCE_S = 45


class Wrong(Exception):
    """The order cannot be taken; the text says why."""


def read_order(body):
    """The order that a customer sent, checked and priced."""
    try:
        asked = json.loads(body)
        customer, item, quantity = asked["customer"].strip(), asked["item"], asked["quantity"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Wrong('expected {"customer": …, "item": …, "quantity": …}') from None
    if not customer or len(customer) > 50:
        raise Wrong("who orders? A name of at most 50 characters")
    if item not in PRICES:
        raise Wrong(f"we sell {', '.join(PRICES)}")
    if type(quantity) is not int or not 1 <= quantity <= 20:
        raise Wrong("from 1 to 20 of a kind")
    total = round(PRICES[item] * quantity, 2)
    return {"id": uuid.uuid4().hex[:8], "customer": customer, "item": item, "quantity": quantity, "total": total}


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/":
            self.answer(200, "text/html; charset=utf-8", PAGE.read_bytes())
        elif path == "/orders":
            self.show_orders()
        else:
            self.answer(404, "text/plain", b"nothing here\n")

    def do_POST(self):
        if self.path != "/orders":
            return self.answer(404, "text/plain", b"nothing here\n")
        # A page of another site can send no JSON without asking first, and nobody here says yes.
        if self.headers.get_content_type() != "application/json":
            return self.tell(415, {"error": "send application/json"})
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > 10_000:
            self.close_connection = True
            return self.tell(413, {"error": "an order is short"})
        try:
            order = read_order(self.rfile.read(int(length)))
            self.keep(order)
            self.tell(201, order)
        except Wrong as wrong:
            self.tell(400, {"error": str(wrong)})
        except OSError as error:  # an HTTPError is one too
            self.log_error("not kept: %s", error)
            self.tell(503, {"error": "we cannot take orders just now; try again"})

    def keep(self, order):
        """Puts the order where it is kept. All orders of a customer stay in order: they have one key."""
        query = urllib.parse.urlencode({"key": order["customer"]})
        request = urllib.request.Request(
            f"{self.server.gateway}/v1/topics/shop-orders/records?{query}",
            data=json.dumps(order).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=SILENCE_S).close()

    def show_orders(self):
        """Hands the gateway's stream on, byte for byte. The browser brings the last id back, and we hand that on as well."""
        headers = {"Accept": "text/event-stream"}
        if last := self.headers.get("Last-Event-ID"):
            headers["Last-Event-ID"] = last
        url = f"{self.server.gateway}/v1/topics/shop-orders/stream?from=-20"
        try:
            stream = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=SILENCE_S)
        except OSError as error:
            self.log_error("no stream: %s", error)
            # A status but 200 would end the page's EventSource for good.
            return self.answer(200, "text/event-stream", b"retry: 2000\nevent: away\ndata: {}\n\n")
        with stream:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                # What is there, without waiting for more.
                while some := stream.read1(65536):
                    self.wfile.write(some)
            except (OSError, http.client.HTTPException):
                pass  # the customer left, or the gateway: the browser comes back

    def tell(self, status, value):
        self.answer(status, "application/json", json.dumps(value).encode())

    def answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(gateway="http://127.0.0.1:8080", port="8000"):
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Shop)
    server.daemon_threads = True
    server.gateway = gateway.rstrip("/")
    # The topic is made before the first order, so that a page may wait for that one.
    request = urllib.request.Request(f"{server.gateway}/v1/topics/shop-orders", data=b"{}", method="PUT")
    urllib.request.urlopen(request, timeout=SILENCE_S).close()
    print(f"open http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except KeyboardInterrupt:
        pass
    except (OSError, ValueError) as error:
        sys.exit(f"{error}\n\n{__doc__}")
