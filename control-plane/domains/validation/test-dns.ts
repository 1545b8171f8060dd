// A small DNS server whose records a test changes as it goes, and that can be silent or fail. Tests only.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type Answer, decode, encode, type Question } from "dns-packet";

type Type = "A" | "AAAA" | "CNAME" | "TXT";

export interface TestDns {
  /** `address:port`. */
  readonly server: string;
  /** The names that were asked for. */
  readonly asked: string[];
  mode: "answers" | "silent" | "fails";
  /** Without values, the record goes. */
  set(name: string, type: Type, ...values: string[]): void;
  clear(): void;
  stop(): Promise<void>;
}

const AUTHORITATIVE = 1 << 10;
const NXDOMAIN = 3;
const SERVFAIL = 2;
const HOPS_MAX = 8;

export async function startTestDns(): Promise<TestDns> {
  const records = new Map<string, readonly string[]>();
  const socket = createSocket("udp4");
  const dns: TestDns = {
    server: "",
    asked: [],
    mode: "answers",
    set(name, type, ...values) {
      if (values.length === 0) records.delete(`${name} ${type}`);
      else records.set(`${name} ${type}`, values);
    },
    clear: () => records.clear(),
    async stop() {
      socket.close();
      await once(socket, "close");
    },
  };
  socket.on("message", (message, { address, port }) => {
    const query = decode(message);
    const [question] = query.questions ?? [];
    if (question === undefined || dns.mode === "silent") return;
    dns.asked.push(question.name);
    const answers = dns.mode === "fails" ? [] : answersTo(records, question);
    const code = dns.mode === "fails" ? SERVFAIL : isKnown(records, question.name) ? 0 : NXDOMAIN;
    socket.send(
      encode({ id: query.id ?? 0, type: "response", flags: AUTHORITATIVE | code, questions: [question], answers }),
      port,
      address,
    );
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return Object.assign(dns, { server: `127.0.0.1:${socket.address().port}` });
}

type Records = ReadonlyMap<string, readonly string[]>;

function answersTo(records: Records, { name, type }: Question): Answer[] {
  const answers: Answer[] = [];
  for (let asked = name.toLowerCase(), hops = 0; hops < HOPS_MAX; hops += 1) {
    const [target] = valuesAt(records, asked, "CNAME");
    if (type !== "CNAME" && target !== undefined) {
      answers.push({ name: asked, type: "CNAME", ttl: 0, data: target });
      asked = target;
      continue;
    }
    if (type === "A" || type === "AAAA" || type === "CNAME" || type === "TXT") {
      for (const data of valuesAt(records, asked, type)) answers.push({ name: asked, type, ttl: 0, data });
    }
    break;
  }
  return answers;
}

/** A wildcard stands for names that there are no records of: RFC 4592. */
function valuesAt(records: Records, name: string, type: Type): readonly string[] {
  const owner = hasRecords(records, name) ? name : name.replace(/^[^.]*/, "*");
  return records.get(`${owner} ${type}`) ?? [];
}

function isKnown(records: Records, name: string): boolean {
  const lower = name.toLowerCase();
  return hasRecords(records, lower) || hasRecords(records, lower.replace(/^[^.]*/, "*"));
}

function hasRecords(records: Records, name: string): boolean {
  return (["A", "AAAA", "CNAME", "TXT"] as const).some((type) => records.has(`${name} ${type}`));
}
