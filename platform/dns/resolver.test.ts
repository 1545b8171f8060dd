// Look-ups at a real name server, Knot DNS, and at small ones that misbehave.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { decode, encode, type Packet } from "dns-packet";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Knot, startKnot } from "../../tests/peers/knot.ts";
import { createResolver, type DnsRecordType } from "./resolver.ts";

const RECORDS = [
  "www 60 CNAME edge.cdn",
  "edge.cdn 60 A 192.0.2.7",
  "edge.cdn 60 A 192.0.2.8",
  "edge.cdn 60 AAAA 2001:0db8:0:0::0007",
  "outer 60 CNAME Inner.Example.NET.",
  "dangling 60 CNAME nowhere.example.net.",
  "bare 60 CNAME text",
  'text 60 TXT "first " "second"',
  'text 60 TXT "third"',
  '@ 60 CAA 0 issue "letsencrypt.org; validationmethods=http-01"',
  '@ 60 CAA 128 IssueWild ";"',
  "around 60 CNAME about",
  "about 60 CNAME around",
  ...Array.from({ length: 100 }, (_, number) => `many 60 TXT "${"x".repeat(200)} ${number}"`),
];
const ELSEWHERE = ["inner 60 A 192.0.2.9"];
let knot: Knot;

beforeAll(async () => {
  const key = { algorithm: "hmac-sha256", name: "edgewright", secret: Buffer.alloc(32) } as const;
  knot = await startKnot({
    key,
    zones: { "example.com": { records: RECORDS }, "example.net": { records: ELSEWHERE } },
  });
});
afterAll(() => knot.stop());

const ask = (name: string, type: DnsRecordType) => createResolver({ servers: [knot.address] }).resolve(name, type);

test.each<[DnsRecordType, string, object]>([
  ["A", "edge.cdn.example.com", { values: ["192.0.2.7", "192.0.2.8"], chain: [] }],
  ["AAAA", "edge.cdn.example.com", { values: ["2001:db8::7"], chain: [] }],
  ["A", "WWW.example.com.", { values: ["192.0.2.7", "192.0.2.8"], chain: ["edge.cdn.example.com"] }],
  ["CNAME", "www.example.com", { values: ["edge.cdn.example.com"], chain: [] }],
  ["TXT", "text.example.com", { values: ["first second", "third"], chain: [] }],
  ["TXT", "bare.example.com", { values: ["first second", "third"], chain: ["text.example.com"] }],
  ["NS", "example.com", { values: ["ns.example.com"], chain: [] }],
  [
    "CAA",
    "example.com",
    {
      values: [
        { critical: false, tag: "issue", value: "letsencrypt.org; validationmethods=http-01" },
        { critical: true, tag: "issuewild", value: ";" },
      ],
      chain: [],
    },
  ],
])("%s of %s", async (type, name, expected) => {
  const answer = await ask(name, type);
  const sorted = answer.kind === "found" ? { ...answer, values: [...answer.values].sort(byText) } : answer;
  expect(sorted).toEqual({ kind: "found", resolver: knot.address, ...expected });
});

function byText(one: unknown, other: unknown): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}

test("a CNAME into another zone is followed, and told in lower case", async () => {
  expect(await ask("outer.example.com", "A")).toMatchObject({
    kind: "found",
    values: ["192.0.2.9"],
    chain: ["inner.example.net"],
  });
});

test("no such record, no such name, and a CNAME to a name that is not there are told apart", async () => {
  expect(await ask("edge.cdn.example.com", "CAA")).toMatchObject({ kind: "none", chain: [] });
  expect(await ask("www.example.com", "CAA")).toMatchObject({ kind: "none", chain: ["edge.cdn.example.com"] });
  expect(await ask("nobody.example.com", "A")).toMatchObject({ kind: "no-name", chain: [] });
  expect(await ask("dangling.example.com", "A")).toMatchObject({ kind: "no-name", chain: ["nowhere.example.net"] });
});

test("an answer that no datagram holds comes over TCP", async () => {
  const answer = await ask("many.example.com", "TXT");
  expect(answer.kind === "found" ? answer.values.length : answer).toBe(100);
});

test("CNAME records in a circle are a failure with the way that they lead", async () => {
  const answer = await ask("around.example.com", "A");
  expect(answer).toMatchObject({
    kind: "failed",
    reason: expect.stringContaining("lead on and on, over about.example.com"),
  });
});

test("a server that will not answer for a name is named with its reason", async () => {
  expect(await ask("example.org", "A")).toEqual({
    kind: "failed",
    resolver: knot.address,
    chain: [],
    reason: "it refuses to answer (REFUSED)",
  });
});

test("what is no host name is a fault of the caller", async () => {
  await expect(ask("two words", "A")).rejects.toThrow("no name that could be asked for");
});

/** A name server of one thought. */
async function serverThat(answer: (query: Packet) => readonly Packet[]): Promise<string> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  socket.on("message", (message, from) => {
    for (const packet of answer(decode(message))) socket.send(encode(packet), from.port, from.address);
  });
  return `127.0.0.1:${socket.address().port}`;
}

const SERVFAIL = 2;
const found = ({ id, questions = [] }: Packet, address: string): Packet => ({
  type: "response",
  id,
  questions,
  answers: questions.map(({ name }) => ({ type: "A", name, data: address })),
});

test("the next server is asked when one is away or fails; when all do, the first one's reason counts", async () => {
  const failing = await serverThat((query) => [{ ...found(query, "192.0.2.1"), answers: [], flags: SERVFAIL }]);
  const good = await serverThat((query) => [found(query, "192.0.2.1")]);
  const away = "127.0.0.1:1";
  expect(await createResolver({ servers: [away, failing, good] }).resolve("example.com", "A")).toEqual({
    kind: "found",
    values: ["192.0.2.1"],
    chain: [],
    resolver: good,
  });
  expect(await createResolver({ servers: [failing, away] }).resolve("example.com", "A")).toMatchObject({
    kind: "failed",
    resolver: failing,
    reason: expect.stringContaining("SERVFAIL"),
  });
});

test("answers to other questions, with other ids, and noise are passed over", async () => {
  const server = await serverThat((query) => [
    found({ ...query, id: (query.id ?? 0) ^ 1 }, "192.0.2.66"),
    found({ ...query, questions: [{ name: "example.org", type: "A" }] }, "192.0.2.66"),
    { ...found(query, "192.0.2.66"), type: "query" },
    found(query, "192.0.2.1"),
  ]);
  expect(await createResolver({ servers: [server] }).resolve("example.com", "A")).toMatchObject({
    values: ["192.0.2.1"],
  });
});

test("a lost question is asked again, and a silent server has its time", async () => {
  let lost = 0;
  const losing = await serverThat((query) => (lost++ === 0 ? [] : [found(query, "192.0.2.1")]));
  expect(await createResolver({ servers: [losing], timeoutMs: 3000 }).resolve("example.com", "A")).toMatchObject({
    kind: "found",
  });
  const silent = await serverThat(() => []);
  expect(await createResolver({ servers: [silent], timeoutMs: 100 }).resolve("example.com", "A")).toMatchObject({
    kind: "failed",
    reason: "no answer within 0.1 s",
  });
});

test("whoever gives up gets no answer", async () => {
  const silent = await serverThat(() => []);
  const asking = createResolver({ servers: [silent] }).resolve("example.com", "A", { signal: AbortSignal.abort() });
  await expect(asking).rejects.toThrow("aborted");
});

test("without servers of ours, the machine's are asked", async () => {
  const answer = await createResolver({ timeoutMs: 100 }).resolve("example.invalid", "A");
  expect(answer.kind).toMatch(/^(no-name|failed)$/);
});
