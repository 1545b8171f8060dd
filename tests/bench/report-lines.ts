// Access-log lines as many edges' nginx would write them over a month: Zipf over distributions, over the URLs of each and
// over viewers; random request ids and random names in URLs. The same seed gives the same traffic.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";

export interface Site {
  readonly id: string;
  readonly host: string;
}

export interface Traffic {
  readonly account: string;
  /** The most asked for first. */
  readonly sites: readonly Site[];
  readonly seed: number;
}

/** `count` lines, evenly from one time to the other, in the order of time. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

const URLS_PER_SITE = 5_000;
const CLIENTS = 200_000;
const LINES_PER_WRITE = 5_000;
const ID_BYTES = 16;

const BROWSERS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
  "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
  "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
  "AppleCoreMedia/1.0.0.22G86 (Apple TV; U; CPU OS 18_6 like Mac OS X; en_us)",
  "curl/8.14.1",
];
const REFERRERS = ["", "", "", "www.google.com", "news.example.net", "t.co", "www.example.org"];
const KINDS = [
  { extension: ".html", type: "text/html; charset=utf-8", bytes: 20_000 },
  { extension: ".jpg", type: "image/jpeg", bytes: 80_000 },
  { extension: ".webp", type: "image/webp", bytes: 40_000 },
  { extension: ".js", type: "text/javascript", bytes: 60_000 },
  { extension: ".css", type: "text/css", bytes: 15_000 },
  { extension: ".m3u8", type: "application/vnd.apple.mpegurl", bytes: 900 },
  { extension: ".m4s", type: "video/iso.segment", bytes: 900_000 },
  { extension: ".json", type: "application/json", bytes: 2_000 },
];
const PROTOCOLS = ["HTTP/2.0", "HTTP/2.0", "HTTP/2.0", "HTTP/3.0", "HTTP/1.1"];

/** A million lines take some seconds and half a gigabyte. */
export async function writeLines(path: string, traffic: Traffic, stretch: Stretch): Promise<void> {
  const lines = linesOf(traffic, stretch);
  const file = createWriteStream(path);
  for (let written = 0; written < stretch.count; written += LINES_PER_WRITE) {
    const text = lines(written, Math.min(LINES_PER_WRITE, stretch.count - written));
    if (!file.write(text)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

function linesOf(traffic: Traffic, { fromMs, toMs, count }: Stretch): (first: number, many: number) => string {
  const random = randomFrom(traffic.seed + fromMs);
  const site = zipf(traffic.sites.length, 0.9, random);
  const url = zipf(URLS_PER_SITE, 1.05, random);
  const client = zipf(CLIENTS, 0.7, random);
  const stepMs = (toMs - fromMs) / count;
  return (first, many) => {
    const ids = randomBytes(many * ID_BYTES).toString("hex");
    let text = "";
    for (let index = 0; index < many; index += 1) {
      const time = ((fromMs + (first + index) * stepMs) / 1000).toFixed(3);
      const id = ids.slice(index * ID_BYTES * 2, (index + 1) * ID_BYTES * 2);
      text += lineOf(traffic, { time, id, site: site(), url: url(), client: client(), random });
    }
    return text;
  };
}

interface Asked {
  readonly time: string;
  readonly id: string;
  readonly site: number;
  readonly url: number;
  readonly client: number;
  readonly random: () => number;
}

function lineOf({ account, sites }: Traffic, { time, id, site: rank, url, client, random }: Asked): string {
  const site = sites[rank];
  if (site === undefined) throw new Error(`there is no site ${rank}`);
  const page = scrambled(rank * URLS_PER_SITE + url);
  const kind = pick(KINDS, page);
  const bytes = 200 + (page % kind.bytes);
  const luck = random();
  const status = luck < 0.94 ? 200 : luck < 0.965 ? 304 : luck < 0.993 ? 404 : 502;
  const isHit = status !== 502 && random() < 0.92;
  const originMs = Math.round(20 + 200 * random() ** 4);
  const sent = status === 200 ? bytes + 350 : 320;
  const took = (isHit ? 0 : originMs) + Math.round(80 * random() ** 6);
  return (
    `{"time":"${time}","request_id":"${id}","account":"${account}","distribution":"${site.id}","host":"${site.host}",` +
    `"method":"GET","path":"/assets/${page.toString(36)}${kind.extension}","query":"","status":${status},` +
    `"cache_status":"${isHit ? "HIT" : "MISS"}","bytes_out":${sent},"bytes_in":${300 + (client % 200)},` +
    `"origin_bytes":${isHit ? 0 : sent},"fetched_bytes":0,"duration_ms":${took},"origin_ms":${isHit ? "null" : originMs},` +
    `"ttfb_ms":${isHit ? 0 : originMs},"protocol":"${pick(PROTOCOLS, client)}","tls":"TLSv1.3",` +
    `"content_type":"${kind.type}","referrer_host":"${pick(REFERRERS, page)}","user_agent":"${pick(BROWSERS, scrambled(client))}",` +
    `"weight":1,"client":"${addressOf(client)}"}\n`
  );
}

function pick<Item>(items: readonly Item[], number: number): Item {
  const item = items[number % items.length];
  if (item === undefined) throw new Error("there is nothing to pick from");
  return item;
}

/** Public addresses of the whole world. */
function addressOf(client: number): string {
  const bits = scrambled(client + 1);
  return `${11 + ((bits >>> 24) % 112)}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

/** The same number gives the same one, neighbours far apart. */
function scrambled(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x45d9f3b);
  bits = Math.imul(bits ^ (bits >>> 16), 0x45d9f3b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ranks from 0 on, the first the most frequent. */
function zipf(ranks: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(ranks);
  let sum = 0;
  for (let rank = 0; rank < ranks; rank += 1) {
    sum += 1 / (rank + 1) ** exponent;
    sums[rank] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, ranks - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
