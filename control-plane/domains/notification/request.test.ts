import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createSender } from "./request.ts";
import { answering, startTestReceiver, type TestReceiver } from "./test-receiver.ts";

let receiver: TestReceiver;
let secure: TestReceiver;
beforeAll(async () => {
  [receiver, secure] = await Promise.all([startTestReceiver(), startTestReceiver({ isSecure: true })]);
});
afterAll(() => Promise.all([receiver.stop(), secure.stop()]));
afterEach(() => receiver.received.splice(0));

const anywhere = { allowPrivateOrigins: true };
const body = JSON.stringify({ type: "webhook.test" });
const headers = { "webhook-id": "m1", "content-length": String(Buffer.byteLength(body)) };
const going = new AbortController().signal;
const to = (url: string) => ({ url, headers, body });

test("what is taken with any status of 200 to 299 is taken", async () => {
  receiver.behave(answering(200), answering(299));
  const send = createSender(anywhere);
  expect(await send(to(receiver.url), going)).toEqual({ statusCode: 200, error: null, retryAfterMs: undefined });
  expect(await send(to(receiver.url), going)).toMatchObject({ statusCode: 299, error: null });
  expect(receiver.received.map((message) => message.body)).toEqual([body, body]);
});

test("over TLS the receiver must prove its name, by an authority that is known", async () => {
  expect(await createSender(anywhere)(to(secure.url), going)).toEqual({
    statusCode: null,
    error: "Its certificate is signed by itself.",
    retryAfterMs: undefined,
  });
  const send = createSender({ ...anywhere, authority: secure.certificate });
  expect(await send(to(secure.url), going)).toMatchObject({ statusCode: 204, error: null });
  const elsewhere = createSender({
    ...anywhere,
    authority: secure.certificate,
    addressesOf: async () => ["127.0.0.1"],
  });
  const answer = await elsewhere(to(`https://hooks.example.com:${secure.port}/`), going);
  expect(answer.error).toBe("Its certificate is for other names.");
});

test("a name is looked up once, and the connection goes to an address that was checked", async () => {
  const asked: string[] = [];
  const answers = [["127.0.0.1"], ["169.254.169.254"]];
  const addressesOf = async (host: string) => {
    asked.push(host);
    return answers.shift() ?? [];
  };
  const send = createSender({ ...anywhere, addressesOf });
  const url = `http://rebinding.example.com:${receiver.port}/in`;
  expect(await send(to(url), going)).toMatchObject({ statusCode: 204 });
  expect(receiver.received[0]?.headers.host).toBe(`rebinding.example.com:${receiver.port}`);
  expect(asked).toEqual(["rebinding.example.com"]);
  expect((await send(to(url), going)).error).toContain("leads to addresses that this platform does not send to");
  expect((await send(to(url), going)).error).toBe("The name rebinding.example.com leads nowhere.");
  expect(receiver.received).toHaveLength(1);
});

test.each([
  [["127.0.0.1"]],
  [["10.1.2.3", "::1", "fd00::1"]],
  [["::ffff:127.0.0.1"]],
  [["100.64.0.1"]],
  [["64:ff9b::7f00:1"]],
  [["169.254.169.254"]],
])("where only public receivers are allowed, nothing goes to %j", async (addresses) => {
  const send = createSender({ allowPrivateOrigins: false, addressesOf: async () => addresses });
  const { error } = await send(to("https://hooks.example.com/"), going);
  expect(error).toBe("The name hooks.example.com leads to addresses that this platform does not send to.");
});

test("of several addresses those that may be dialled are, in either family", async () => {
  const send = createSender({ ...anywhere, addressesOf: async () => ["169.254.169.254", "127.0.0.1"] });
  expect(await send(to(`http://both.example.com:${receiver.port}/`), going)).toMatchObject({ statusCode: 204 });
});

test("a URL that was stored when more was allowed is refused now", async () => {
  const send = createSender({ allowPrivateOrigins: false });
  expect((await send(to(receiver.url), going)).error).toContain("must begin with https");
  expect((await send(to("https://127.0.0.1/"), going)).error).toContain("points at a private address");
  expect(receiver.received).toEqual([]);
});

test("redirects are not followed", async () => {
  const elsewhere = await startTestReceiver();
  receiver.behave(answering(307, { location: elsewhere.url }));
  const answer = await createSender(anywhere)(to(receiver.url), going);
  expect(answer).toMatchObject({ statusCode: 307, error: "It answered 307: redirects are not followed." });
  expect(elsewhere.received).toEqual([]);
  await elsewhere.stop();
});

test("a receiver that wants to be left alone for a while says so", async () => {
  receiver.behave(answering(503, { "retry-after": "120" }), answering(503, { "retry-after": "tomorrow" }));
  const send = createSender(anywhere);
  expect(await send(to(receiver.url), going)).toMatchObject({ statusCode: 503, retryAfterMs: 120_000 });
  expect(await send(to(receiver.url), going)).toMatchObject({ statusCode: 503, retryAfterMs: undefined });
});

test("an answer without an end is read to no end: its status counts", async () => {
  const closed = new Promise<void>((resolve) => {
    receiver.behave((_request, response) => {
      response.writeHead(200);
      const pour = () => {
        while (response.writable && response.write("x".repeat(16_384)));
      };
      response.on("drain", pour);
      response.on("close", () => resolve());
      pour();
    });
  });
  expect(await createSender(anywhere)(to(receiver.url), going)).toMatchObject({ statusCode: 200, error: null });
  await closed;
});

test("who does not answer in time has not answered, and who does not end in time has", async () => {
  receiver.behave(() => {});
  const impatient = createSender({ ...anywhere, timeoutMs: 300 });
  expect((await impatient(to(receiver.url), going)).error).toBe("It did not answer within 1 s.");
  const send = createSender({ ...anywhere, timeoutMs: 2_000 });
  receiver.behave((_request, response) => void response.writeHead(202).write("and so on"));
  expect(await send(to(receiver.url), going)).toMatchObject({ statusCode: 202, error: null });
  const never = createSender({ ...anywhere, timeoutMs: 300, addressesOf: () => new Promise(() => {}) });
  expect((await never(to("http://slow.example.com/"), going)).error).toBe("It did not answer within 1 s.");
});

test("a courier that stops is no fault of the receiver", async () => {
  const stop = new AbortController();
  receiver.behave(() => stop.abort(new Error("stopping")));
  await expect(createSender(anywhere)(to(receiver.url), stop.signal)).rejects.toThrow("stopping");
});

test.each([
  ["nothing", "", "It closed the connection without an answer."],
  ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "What it answers is no HTTP."],
  ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "It closed"],
  ["endless headers", `HTTP/1.1 200 OK\r\n${"x-a: aaaaaaaaaaaaaaaa\r\n".repeat(2_000)}\r\n`, "headers of its answer"],
])("who answers %s has not taken it", async (_what, answer, error) => {
  const server = await listen((socket) => socket.once("data", () => socket.end(answer)));
  const reply = await createSender(anywhere)(to(`http://127.0.0.1:${server.port}/`), going);
  expect(reply.statusCode).toBeNull();
  expect(reply.error).toMatch(error === "It closed the connection without an answer." ? /^It (closed|broke)/ : error);
  await server.stop();
});

test("nobody there is said in words", async () => {
  const server = await listen(() => {});
  await server.stop();
  const { error } = await createSender(anywhere)(to(`http://127.0.0.1:${server.port}/`), going);
  expect(error).toBe("It refuses connections.");
});

async function listen(serve: (socket: Socket) => void): Promise<{ port: number; stop(): Promise<void> }> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    port: address.port,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
