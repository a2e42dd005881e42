// How a page tells what it has seen: lines of JSON to /seen, in order, many at a time.
const waiting = [];
let sending = false;

export function tell(event, id, data) {
  waiting.push(JSON.stringify({ event, id, data }));
  if (!sending) send();
}

async function send() {
  sending = true;
  while (waiting.length > 0) {
    const lines = waiting.splice(0, 500).join("\n");
    await fetch("/seen", { method: "POST", body: lines });
  }
  sending = false;
}
