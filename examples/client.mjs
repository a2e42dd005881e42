// A client of Sluicegate with nothing but Node.js (20 and later): puts records in, and reads a stream that resumes.
//
//     node client.mjs write GATEWAY TOPIC KEY VALUE
//     node client.mjs read GATEWAY TOPICS [FROM [LAST_ID]]
//
// `read` prints each record as a line of JSON, for ever. Its URL never changes: whatever breaks, the id of the last
// event that came whole says where to go on. To survive your own restart, keep that id with what you made of the record.

import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

// A heartbeat comes every 15 s: a stream that is silent for longer than this is broken.
const SILENCE_MS = 45_000;
// How long to wait before trying again, when the gateway did not say: doubled each time, up to the most.
const LEAST_PAUSE_MS = 500;
const MOST_PAUSE_MS = 30_000;

/** The gateway's answer was no; `problem` says why (RFC 9457), with a stable `code`. */
export class Refused extends Error {
  constructor(problem) {
    super(`${problem.title}: ${problem.detail}`);
    this.problem = problem;
  }
}

async function refusal(answer) {
  // Something between here and the gateway may have answered in its place.
  const other = { title: `status ${answer.status}`, status: answer.status, retryable: answer.status >= 500 };
  return new Refused(await answer.json().catch(() => other));
}

/**
 * Puts one record in and returns where it was written. Tries again while the gateway says that it was certainly not
 * written. Throws Refused, whose problem says with `written` whether it may have been, or a TypeError where there was no
 * answer, which leaves that open.
 */
export async function write(gateway, topic, value, { key, headers = {} } = {}) {
  const query = new URLSearchParams(Object.entries(headers).map(([name, text]) => ["header", `${name}:${text}`]));
  if (key !== undefined) query.set("key", key);
  const url = `${gateway}/v1/topics/${encodeURIComponent(topic)}/records?${query}`;
  for (const pause of [200, 1000, 5000, null]) {
    // Whatever type is said here becomes the record's header `content-type`.
    const type = { "Content-Type": "application/octet-stream" };
    const signal = AbortSignal.timeout(SILENCE_MS);
    const answer = await fetch(url, { method: "POST", headers: type, body: value, signal });
    if (answer.ok) return answer.json();
    const refused = await refusal(answer);
    const { retryable, written } = refused.problem;
    if (pause === null || !retryable || written === "unknown") throw refused;
    await sleep(pause);
  }
}

/** The events of one connection that came whole: { name, id, data, retry }, the last in ms where it was said. */
async function* events(body, alive) {
  let rest = "";
  let event = { name: "message", id: "", data: [], retry: undefined };
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    alive();
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const [, field, text] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === "data") event.data.push(text);
      else if (field === "id") event.id = text;
      else if (field === "event") event.name = text;
      else if (field === "retry") event.retry = Number(text);
      else if (line === "" && event.data.length > 0) {
        yield { ...event, data: event.data.join("\n") };
        event = { name: "message", id: event.id, data: [], retry: undefined };
      }
    }
  }
}

/** Yields [record, id] of these topics for ever, each record once. Throws Refused when trying again is in vain. */
export async function* read(gateway, topics, from = "latest", lastId = "") {
  const names = topics.split(",").map(encodeURIComponent).join(",");
  const url = `${gateway}/v1/topics/${names}/stream?${new URLSearchParams({ from })}`;
  let failures = 0;
  let pause = LEAST_PAUSE_MS;
  for (;;) {
    const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
    const silence = new AbortController();
    const watch = setTimeout(() => silence.abort(new Error("silence")), SILENCE_MS);
    try {
      const answer = await fetch(url, { headers, signal: silence.signal });
      if (answer.status === 204) return; // what was asked for with `until` is over
      if (!answer.ok) throw await refusal(answer);
      for await (const { name, id, data, retry } of events(answer.body, () => watch.refresh())) {
        failures = 0;
        pause = retry ?? pause;
        if (name === "message") yield [JSON.parse(data), id];
        else if (name === "gap") console.error(`lost: ${data}`);
        else if (name === "fault") {
          const { problem, final } = JSON.parse(data);
          console.error(`fault: ${problem.detail}`);
          if (final) throw new Refused({ ...problem, retryable: false });
        }
        lastId = id || lastId;
      }
    } catch (error) {
      if (error instanceof Refused && !error.problem.retryable) throw error;
      console.error(`cut off (${error.message}), comes back`);
      failures += 1;
    } finally {
      clearTimeout(watch);
      silence.abort();
    }
    // Everybody was cut off together: nobody should come back together.
    const longest = Math.min(pause * 2 ** Math.min(failures, 10), MOST_PAUSE_MS);
    await sleep(longest * (0.5 + Math.random() / 2));
  }
}

async function main([command, gateway, topic, ...more]) {
  if (command === "write" && more.length === 2) {
    console.log(JSON.stringify(await write(gateway, topic, more[1], { key: more[0] })));
  } else if (command === "read" && topic && more.length <= 2) {
    for await (const [record, id] of read(gateway, topic, ...more)) console.log(JSON.stringify({ ...record, id }));
  } else {
    console.error("node client.mjs write GATEWAY TOPIC KEY VALUE\nnode client.mjs read GATEWAY TOPICS [FROM [LAST_ID]]");
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error instanceof Refused ? `refused: ${error.message}` : error);
    process.exitCode = 1;
  });
}
