// A country file for tests in MaxMind's format (version 2): a tree of address bits, and what lies at its leaves.
import { isIPv6 } from "node:net";

/** Network → two letters. IPv4 networks lie below ::/96, as in real files. */
export function countryFile(countries: Readonly<Record<string, string>>): Buffer {
  const tree = treeOf(countries);
  const nodes = numbered(tree);
  const data = dataOf([...new Set(Object.values(countries))]);
  const search = Buffer.concat(
    nodes.map((node) =>
      Buffer.concat([node.zero, node.one].map((child) => uint32(recordOf(child, { nodes, offsets: data.offsets })))),
    ),
  );
  const separator = Buffer.alloc(16);
  return Buffer.concat([search, separator, data.bytes, MARKER, metadata(nodes.length)]);
}

type Leaf = string;
interface Node {
  zero: Node | Leaf | undefined;
  one: Node | Leaf | undefined;
}

const MARKER = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");

function treeOf(countries: Readonly<Record<string, string>>): Node {
  const root = emptyNode();
  for (const [network, country] of Object.entries(countries)) insert(root, bitsOf(network), country);
  return root;
}

const emptyNode = (): Node => ({ zero: undefined, one: undefined });

function insert(root: Node, bits: readonly number[], country: string): void {
  let node = root;
  for (const [index, bit] of bits.entries()) {
    const side = bit === 0 ? "zero" : "one";
    if (index === bits.length - 1) {
      node[side] = country;
      return;
    }
    const next = node[side];
    const child = typeof next === "object" ? next : emptyNode();
    node[side] = child;
    node = child;
  }
}

function bitsOf(network: string): number[] {
  const [address = "", length] = network.split("/");
  const isV6 = isIPv6(address);
  const bytes = isV6 ? bytesOfV6(address) : [...Array<number>(12).fill(0), ...address.split(".").map(Number)];
  const bits = bytes.flatMap((byte) => Array.from({ length: 8 }, (_, index) => (byte >> (7 - index)) & 1));
  return bits.slice(0, Number(length) + (isV6 ? 0 : 96));
}

function bytesOfV6(address: string): number[] {
  const [head = "", tail = ""] = address.split("::");
  const groups = (text: string) => text.split(":").filter(Boolean);
  const middle = Array<string>(8 - groups(head).length - groups(tail).length).fill("0");
  return [...groups(head), ...middle, ...groups(tail)].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function numbered(root: Node): Node[] {
  const nodes = [root];
  for (const node of nodes) {
    for (const child of [node.zero, node.one]) if (typeof child === "object") nodes.push(child);
  }
  return nodes;
}

function recordOf(
  child: Node | Leaf | undefined,
  { nodes, offsets }: { nodes: readonly Node[]; offsets: ReadonlyMap<string, number> },
): number {
  if (child === undefined) return nodes.length;
  if (typeof child === "object") return nodes.indexOf(child);
  return nodes.length + 16 + (offsets.get(child) ?? 0);
}

function dataOf(countries: readonly string[]): { bytes: Buffer; offsets: Map<string, number> } {
  const offsets = new Map<string, number>();
  const parts: Buffer[] = [];
  for (const country of countries) {
    offsets.set(country, Buffer.concat(parts).length);
    parts.push(map([["country", map([["iso_code", text(country)]])]]));
  }
  return { bytes: Buffer.concat(parts), offsets };
}

// A value begins with its type and its size in one byte; types above 7 say so in a second one.
const text = (value: string) => Buffer.concat([Buffer.from([(2 << 5) | value.length]), Buffer.from(value)]);
const uint16 = (value: number) => Buffer.from([(5 << 5) | 2, value >> 8, value & 0xff]);
const uint64 = (value: number) => Buffer.concat([Buffer.from([8, 2]), uint32(0), uint32(value)]);
const uint32 = (value: number) => Buffer.from([value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]);
const list = (items: readonly Buffer[]) => Buffer.concat([Buffer.from([items.length, 4]), ...items]);

function map(members: readonly (readonly [string, Buffer])[]): Buffer {
  return Buffer.concat([
    Buffer.from([(7 << 5) | members.length]),
    ...members.flatMap(([name, value]) => [text(name), value]),
  ]);
}

function metadata(nodeCount: number): Buffer {
  return map([
    ["binary_format_major_version", uint16(2)],
    ["binary_format_minor_version", uint16(0)],
    ["build_epoch", uint64(1_700_000_000)],
    ["database_type", text("Test-Country")],
    ["description", map([["en", text("countries of a test")]])],
    ["ip_version", uint16(6)],
    ["languages", list([text("en")])],
    ["node_count", Buffer.concat([Buffer.from([(6 << 5) | 4]), uint32(nodeCount)])],
    ["record_size", uint16(32)],
  ]);
}
