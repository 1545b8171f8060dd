// A viewer with a choice of HTTP versions: the curl of the Debian tools, which speaks all three.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { testTools } from "../../platform/embedded/test-services.ts";

const run = promisify(execFile);
const TIMEOUT_MS = 15_000;

export interface View {
  readonly status: number;
  /** "1.1", "2" or "3", as curl counts. */
  readonly version: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export type HttpVersion = "http1.1" | "http2" | "http3-only";

export async function view(
  edge: { readonly httpPort: number; readonly httpsPort: number },
  host: string,
  path: string,
  how: { version?: HttpVersion; secure?: boolean; args?: readonly string[] } = {},
): Promise<View> {
  const { version = "http1.1", secure = version !== "http1.1", args = [] } = how;
  const port = secure ? edge.httpsPort : edge.httpPort;
  const tools = await testTools();
  const [program = "", ...prefix] = tools.command("curl");
  const { stdout } = await run(
    program,
    [
      ...prefix,
      ...[
        "--silent",
        "--show-error",
        "--include",
        "--insecure",
        `--${version}`,
        "--max-time",
        String(TIMEOUT_MS / 1000),
      ],
      ...["--connect-to", `${host}:${port}:127.0.0.1:${port}`, "--write-out", "\n%{http_version}"],
      ...args,
      `${secure ? "https" : "http"}://${host}:${port}${path}`,
    ],
    { timeout: TIMEOUT_MS + 1000, encoding: "utf8" },
  );
  return parseView(stdout);
}

function parseView(text: string): View {
  const end = text.lastIndexOf("\n");
  const version = text.slice(end + 1);
  const separator = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = text.slice(0, separator).split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  return { status: Number(statusLine.split(" ")[1]), version, headers, body: text.slice(separator + 4, end) };
}
