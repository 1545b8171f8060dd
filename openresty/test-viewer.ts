// A viewer for tests: the Debian tools' curl, which speaks HTTP/1.1, 2 and 3 to an edge.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { testTools } from "../platform/embedded/test-services.ts";
import type { TestEdge } from "./test-edge.ts";

const run = promisify(execFile);
const WITHIN_SECONDS = "10";
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export type HttpVersion = "1.1" | "2" | "3";

export interface Asked {
  readonly host?: string;
  /** As it goes over the wire: nothing is normalised. */
  readonly path: string;
  /** 2 and 3 are always https. */
  readonly version?: HttpVersion;
  readonly https?: boolean;
  readonly headers?: readonly string[];
  /** Further arguments of curl. */
  readonly curl?: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly version: string;
  /** Names in lower case; the last of equal ones. */
  readonly headers: Readonly<Record<string, string>>;
  /** Every header line as it came. */
  readonly lines: readonly string[];
  readonly body: string;
}

export async function ask(edge: Pick<TestEdge, "httpPort" | "httpsPort">, asked: Asked): Promise<Answer> {
  const { host = "www.example.com", version = "1.1" } = asked;
  const https = asked.https ?? version !== "1.1";
  const port = https ? edge.httpsPort : edge.httpPort;
  const [program = "", ...loader] = (await testTools()).command("curl");
  const args = [
    ...["-sik", "--path-as-is", "--max-time", WITHIN_SECONDS, "--resolve", `${host}:${port}:127.0.0.1`],
    { "1.1": "--http1.1", "2": "--http2", "3": "--http3-only" }[version],
    ...(asked.headers ?? []).flatMap((line) => ["-H", line]),
    ...(asked.curl ?? []),
    `${https ? "https" : "http"}://${host}:${port}${asked.path}`,
  ];
  const { stdout } = await run(program, [...loader, ...args], { maxBuffer: ANSWER_BYTES_MAX });
  return parseAnswer(stdout);
}

function parseAnswer(text: string): Answer {
  const end = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = text.slice(0, end).split("\r\n");
  const [protocol = "", status] = statusLine.split(" ");
  const answer = {
    status: Number(status),
    version: protocol.replace("HTTP/", ""),
    headers: Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
    ),
    lines,
    body: text.slice(end + 4),
  };
  // What comes before the answer itself: 100, 103.
  return answer.status < 200 && answer.body.startsWith("HTTP/") ? parseAnswer(answer.body) : answer;
}
