// A worker of a consumer group with nothing but Node.js (20.3 and later).
//
//     node worker.mjs GATEWAY GROUP TOPICS
//
// Takes the records of these topics (names, by commas) that the group has not worked off yet, hands each to `handle`, and
// acknowledges what that has done. Start as many as you like: a partition is worked off by one of them at a time, in its
// order. Each record is done at least once: what `handle` fails at comes again a little later, and so does what was held
// by a worker that died. SIGTERM and SIGINT end a worker as soon as what it holds is done and acknowledged.
//
// `handle` is yours to replace: here, or in a program of your own by `await main(process.argv.slice(2), yours)`.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

// What belongs to the group, so that all its workers have to ask for the same. `max_attempts` and `dead_letter` are the
// ones to think of: without them a record that always fails comes again for ever.
const SETTINGS = {};
// The most records taken at once. What fails is overtaken by those that came with it: with 1 it is overtaken by none.
const BATCH = 100;
// How long the gateway lets an empty poll wait; one that is silent for so much longer is broken.
const WAIT_MS = 20_000;
const SILENCE_MS = 15_000;
// How long to wait before asking again: doubled each time, up to the most.
const LEAST_PAUSE_MS = 500;
const MOST_PAUSE_MS = 30_000;
// How often a worker that was told to end asks a gateway that does not answer.
const LAST_TRIES = 4;

/**
 * Does the work for a record: to return acknowledges it, to throw gives it back. A record may come twice, whoever
 * delivers it at least once: let the second time do no harm.
 */
async function handle(record) {
  console.log(JSON.stringify(record));
}

/** The gateway's answer was no, and it will be: the problem (RFC 9457) says why. */
class Refused extends Error {}

/** The gateway did not answer by the end. */
class Unanswered extends Error {}

/** Works until `stop`, an AbortSignal. Throws Refused when asking again is in vain, and Unanswered. */
async function work(gateway, group, topics, handler, stop) {
  const url = `${gateway}/v1/groups/${encodeURIComponent(group)}`;
  // The session is nobody else's. By it and the number of the poll the gateway knows a poll that comes twice.
  const asks = { ...SETTINGS, topics, from: "earliest", session: randomUUID() };
  let acks = { ids: [], nacks: [] };
  let max = BATCH;
  for (let seq = 1; !stop.aborted; seq += 1) {
    // What was done rides on the next poll, so it costs no request of its own. Who is to end does not wait for more;
    // but what a reply that was cut off had brought is still to come.
    const poll = () => ({ ...asks, ...acks, seq, max, wait_ms: stop.aborted ? 0 : WAIT_MS });
    const { records = [], lease_ms: lease = Infinity, fenced } = await ask(`${url}/poll`, poll, stop);
    if (fenced) console.error(`${fenced.length} acknowledgements came too late: their records come again`);
    // After the lease others are given what is not acknowledged. Half of it is left for the record in the hand and for the
    // acknowledgement: what was not begun by then goes back, and less is asked for.
    const begun = await workOff(records, Date.now() + lease / 2, handler);
    acks = begun.acks;
    max = begun.count < records.length ? begun.count : Math.min(max * 2, BATCH);
  }
  if (acks.ids.length + acks.nacks.length > 0) await ask(`${url}/acks`, () => acks, stop);
}

/** Hands records to the handler, one by one; how many were begun, what to acknowledge and what to give back. */
async function workOff(records, until, handler) {
  const acks = { ids: [], nacks: [] };
  for (const [count, record] of records.entries()) {
    if (count > 0 && Date.now() > until) {
      acks.nacks.push(...records.slice(count).map(({ id }) => ({ id })));
      return { count, acks };
    }
    const { id, attempt = 1 } = record;
    try {
      await handler(record);
      acks.ids.push(id);
    } catch (error) {
      console.error(`failed at ${record.topic} ${record.partition}:${record.offset}, attempt ${attempt}:`, error);
      acks.nacks.push({ id, delay_ms: 1000 * Math.min(2 ** (attempt - 1), 60) });
    }
  }
  return { count: records.length, acks };
}

/**
 * Posts what `body` says until it is answered, and gives the answer. Nobody knows of a reply that was lost whether it was
 * on its way. It does not matter: to acknowledge twice is to acknowledge, and a poll with the same number brings the same
 * records.
 */
async function ask(url, body, stop) {
  for (let failures = 1; ; failures += 1) {
    const told = stop.aborted; // and need not be told again
    const outcome = await post(url, body(), told ? [] : [stop]);
    if (outcome.answer) return outcome.answer;
    if (stop.aborted && !told) continue;
    if (told && failures >= LAST_TRIES) throw new Unanswered(outcome.why);
    // Everybody was turned away together: nobody should come back together.
    const longest = Math.min(LEAST_PAUSE_MS * 2 ** Math.min(failures, 10), MOST_PAUSE_MS);
    const pause = outcome.pause + longest * (0.5 + Math.random() / 2);
    console.error(`no answer (${outcome.why}), asks again in ${(pause / 1000).toFixed(1)} s`);
    await sleep(pause, undefined, told ? {} : { signal: stop }).catch(() => {});
  }
}

/** One request: the `answer`, or `why` there was none and the `pause` that the gateway asked for, in ms. */
async function post(url, body, stops) {
  const signal = AbortSignal.any([AbortSignal.timeout((body.wait_ms ?? 0) + SILENCE_MS), ...stops]);
  const headers = { "Content-Type": "application/json" };
  let response, text;
  try {
    response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal });
    text = await response.text();
    if (response.ok) return { answer: text ? JSON.parse(text) : {} };
  } catch (error) {
    return { why: error.cause?.message || error.message, pause: 0 };
  }
  const problem = problemOf(response.status, text);
  if (problem.code === "fenced") {
    console.error(problem.detail);
    return { answer: {} };
  }
  if (!problem.retryable) throw new Refused(`${problem.title}: ${problem.detail}`);
  // It may be a date (RFC 9110, 10.2.3), which the gateway never says.
  return { why: problem.title, pause: 1000 * (Number(response.headers.get("Retry-After")) || 0) };
}

/** What a refusal tells. Something between here and the gateway may have answered in its place. */
function problemOf(status, text) {
  const other = { title: `status ${status}`, retryable: status >= 500 || status === 429 };
  try {
    return { ...other, ...JSON.parse(text) };
  } catch {
    return other;
  }
}

export async function main([gateway, group, topics, ...more], handler = handle) {
  if (!topics || more.length > 0) {
    console.error("node worker.mjs GATEWAY GROUP TOPICS");
    process.exitCode = 1;
    return;
  }
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => stop.abort());
  try {
    await work(gateway, group, topics.split(","), handler, stop.signal);
  } catch (error) {
    if (error instanceof Refused) console.error(`refused: ${error.message}`);
    else if (error instanceof Unanswered) {
      console.error(`ends without an answer (${error.message}): what was not acknowledged comes again`);
    } else console.error(error);
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main(process.argv.slice(2));
