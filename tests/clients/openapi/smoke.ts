// What a user of the generated TypeScript types does first, with the gateway at the URL that is given, on a topic of the
// name that is given: make it, put a record in, take it out, look at it, and be refused.

import createClient from "openapi-fetch";
import type { components, paths } from "./v1.js";

declare const process: { argv: string[] };

const [url, topics] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: url });
const path = { topics };

function expect(condition: boolean, what: unknown): asserts condition {
  if (!condition) throw new Error(JSON.stringify(what));
}

const made = await client.PUT("/v1/topics/{topics}", { params: { path }, body: { partitions: 2 } });
expect(made.data?.result === "created", made);

const produced = await client.POST("/v1/topics/{topics}/records", {
  params: { path, query: { key: "c-17", header: ["trace:ab12", "trace:cd34"] } },
  body: '{"total":12.5}',
  bodySerializer: (body) => body,
  headers: { "content-type": "text/plain" },
});
const receipt = produced.data;
expect(receipt?.offset !== undefined, produced);

const page = await client.GET("/v1/topics/{topics}/records", { params: { path, query: { from: "earliest", max: 10 } } });
const records: components["schemas"]["Record"][] | undefined = page.data?.records;
expect(records?.length === 1 && page.data !== undefined, page);
const record = records[0]!;
expect(record.key === "c-17" && record.partition === receipt.partition && record.offset === receipt.offset, record);
expect(JSON.stringify(record.value) === '{"total":12.5}', record);
expect(JSON.stringify(record.headers.slice(0, 2)) === '[["trace","ab12"],["trace","cd34"]]', record);

const nothing = await client.GET("/v1/topics/{topics}/records", { params: { path, query: { from: page.data.next } } });
expect(nothing.response.status === 204, nothing);

const query = { from: "earliest", key: ["c-16", "c-17"], where: ["/total>12", "/total<13"] };
const chosen = await client.GET("/v1/topics/{topics}/records", { params: { path, query } });
expect(chosen.data?.records.length === 1, chosen);

const described = await client.GET("/v1/topics/{topics}", { params: { path } });
const written = described.data?.partitions.reduce((sum, partition) => sum + partition.latest, 0);
expect(written === 1, described);

const refused = await client.GET("/v1/topics/{topics}", { params: { path: { topics: `${topics}-none` } } });
const problem: components["schemas"]["Problem"] | undefined = refused.error;
expect(problem?.code === "topic_not_found" && problem.status === 404 && !problem.retryable, refused);

// @ts-expect-error: the compiler knows the words of a parameter.
await client.GET("/v1/topics/{topics}/records", { params: { path, query: { value: "xml" } } });
console.log("ok");
