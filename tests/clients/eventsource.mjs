// npm's eventsource: node eventsource.mjs URL. A line of JSON for each event that it dispatches.
import { EventSource } from "eventsource";

const source = new EventSource(process.argv[2]);
const names = ["message", "tombstone", "binary",
  "ready", "caught-up", "checkpoint", "gap", "drain", "fault", "end", "ping"];
for (const name of names) {
  source.addEventListener(name, (event) => {
    console.log(JSON.stringify({ event: event.type, id: event.lastEventId, data: event.data }));
  });
}
source.addEventListener("error", (event) => {
  console.error(event.code, event.message);
  // CONNECTING: it comes back by itself. CLOSED: it never will.
  if (source.readyState === EventSource.CLOSED) console.log(JSON.stringify({ event: "closed", id: "", data: "" }));
});
