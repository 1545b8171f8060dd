// Asks a name for the standing challenge as a certificate authority would: over plain HTTP, at the addresses that DNS gave,
// and at no others. Whose name it is chooses these addresses, so each is checked, none is looked up again, no redirect is
// followed, and nothing of an answer is told but its status and whether it was the right one.
import { type IncomingMessage, request } from "node:http";
import { isIPv6 } from "node:net";
import { CHALLENGE_PATH } from "../../../agents/contract.ts";
import { addressClass } from "../../../platform/address.ts";

const TIMEOUT_MS = 5_000;
/** Whose name it is could name a third party's. */
const ADDRESSES_MAX = 4;
const HEADER_BYTES_MAX = 8 * 1024;

export interface Challenge {
  readonly token: string;
  readonly keyAuthorization: string;
}

/** `right`: answered as an edge does. `wrong`: somebody else answered. `silent`: nobody did. `forbidden`: not asked. */
export interface Reached {
  readonly address: string;
  readonly outcome: "right" | "wrong" | "silent" | "forbidden";
  readonly detail: string;
}

export interface ReachSettings {
  readonly port: number;
  /** Whether private and loopback addresses may be asked. */
  readonly allowPrivate: boolean;
}

export async function reach(
  { port, allowPrivate }: ReachSettings,
  { host, addresses, challenge }: { host: string; addresses: readonly string[]; challenge: Challenge },
  signal: AbortSignal,
): Promise<readonly Reached[]> {
  const asked = [...new Set(addresses)].slice(0, ADDRESSES_MAX);
  return Promise.all(
    asked.map(async (address): Promise<Reached> => {
      const kind = addressClass(address);
      if (kind === "never" || (kind === "private" && !allowPrivate)) {
        return { address, outcome: "forbidden", detail: "is no public address: nothing was asked there" };
      }
      try {
        return { address, ...(await askAt({ address, port, host, challenge }, signal)) };
      } catch (error) {
        signal.throwIfAborted();
        return { address, outcome: "silent", detail: silenceOf(error, address) };
      }
    }),
  );
}

interface Asked {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly challenge: Challenge;
}

function askAt(
  { address, port, host, challenge }: Asked,
  signal: AbortSignal,
): Promise<Pick<Reached, "outcome" | "detail">> {
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        ...{ host: address, port, path: `${CHALLENGE_PATH}${challenge.token}`, agent: false },
        headers: { host, "user-agent": "edgewright-validation" },
        maxHeaderSize: HEADER_BYTES_MAX,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      },
      (answer) => {
        judge(answer, challenge.keyAuthorization).then(resolve, reject);
      },
    );
    asking.on("error", reject);
    // Of another protocol (101), node tells no more than that; without a listener it would say nothing at all.
    asking.on("upgrade", (_, socket) => {
      socket.destroy();
      resolve({ outcome: "wrong", detail: "answered with status 101" });
    });
    asking.on("close", () => reject(new Error("closed without an answer")));
    asking.end();
  });
}

async function judge(answer: IncomingMessage, wanted: string): Promise<Pick<Reached, "outcome" | "detail">> {
  const status = answer.statusCode ?? 0;
  try {
    if (status !== 200) return { outcome: "wrong", detail: `answered with status ${status}` };
    let text = "";
    for await (const piece of answer.setEncoding("latin1")) {
      text += piece;
      if (text.length > wanted.length + 2) break;
    }
    // RFC 8555 §8.3: white space at the end does not count.
    if (text.trimEnd() === wanted) return { outcome: "right", detail: "answered as an edge does" };
    return { outcome: "wrong", detail: "answered with something else: it is no edge of this platform" };
  } finally {
    answer.destroy();
  }
}

function silenceOf(error: unknown, address: string): string {
  if (!(error instanceof Error)) return "did not answer";
  if (error.name === "TimeoutError" || error.name === "AbortError")
    return `did not answer within ${TIMEOUT_MS / 1000} s`;
  const code = "code" in error ? String(error.code) : "";
  if (code === "ECONNREFUSED") return "refused the connection";
  if (isIPv6(address) && ["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL"].includes(code)) {
    return "could not be asked: there is no IPv6 from here";
  }
  if (code === "ENETUNREACH" || code === "EHOSTUNREACH") return "cannot be reached";
  return "did not answer in HTTP";
}
