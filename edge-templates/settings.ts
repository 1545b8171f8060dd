// The settings of an edge group that its nginx files are rendered from, and the patch that changes some of them.
import { z } from "zod";

const HOSTS_MAX = 16;
const DISKS_MAX = 16;
/** One request in so many: those whose share is exact in nginx's two decimals of a percent. */
const SAMPLES = [1, 2, 4, 5, 8, 10, 16, 20, 25, 40, 50, 80, 100, 125, 200, 250, 400, 500, 625, 1000] as const;

/** Where a point of presence stands, as traffic is billed; `other` is wherever nobody said. */
export const regions = [
  "africa",
  "asia",
  "europe",
  "middle_east",
  "north_america",
  "oceania",
  "south_america",
  "other",
] as const;
export type Region = (typeof regions)[number];

const port = z.int().min(1).max(65535);
const address = z.union([z.ipv4(), z.ipv6()], { error: "must be an IPv4 or IPv6 address." });

const listeners = {
  host: address.meta({ description: "`0.0.0.0` is every IPv4 address, `::` every address of both kinds." }),
  more_hosts: z
    .array(address)
    .max(HOSTS_MAX - 1)
    .meta({ description: "Further addresses of every node, with the same ports." }),
  http: port,
  https: port,
  parent: port.nullable().meta({
    description:
      "Where the edges of groups whose parent this one is ask for what they lack, over TLS with certificates on both sides. Null: it is nobody's parent.",
  }),
};

const disk = z.strictObject({
  path: z
    .string()
    // nginx prints it as it stands, and deletes files below it that are not its own: the edge makes a folder inside.
    .regex(/^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._@-]+){1,20}$/, {
      error: "must be an absolute path of letters, digits and . _ @ - without a slash at its end.",
    })
    .max(150)
    .meta({ description: "A folder that every node has and its nginx may write to, such as a mounted disk." }),
  max_gb: z.int().min(1).max(65536),
});

const cache = {
  zone_mb: z
    .int()
    .min(1)
    .max(4096)
    .meta({ description: "Memory for the index of the disks: about 8,000 objects per MB." }),
  disk_max_gb: z.int().min(1).max(65536).meta({ description: "What is kept where no disks are named." }),
  disks: z
    .array(disk)
    .max(DISKS_MAX)
    .meta({ description: "Objects are spread over them by size. None: a folder of the edge's own." }),
};

const documents = {
  count_max: z.int().min(1000).max(2_000_000).multipleOf(100).meta({
    description: "How many distributions fit, at an average document of up to 2 KB; memory follows from it.",
  }),
};

const workers = {
  count: z.int().min(0).max(256).meta({ description: "0: as many as there are processors." }),
  connections: z.int().min(64).max(1_000_000),
};

const modules = {
  brotli: z.boolean().meta({ description: "Brotli for viewers, where every node of the group can." }),
  http3: z.boolean().meta({ description: "HTTP/3, where every node of the group can." }),
};

const logs = {
  one_in: z
    .literal(SAMPLES)
    .meta({ description: "One request in so many is logged, and counts that often; errors (4xx, 5xx) always are." }),
  query: z.boolean().meta({
    description:
      "Whether lines hold the query as viewers sent it, with what names and tokens stand in it. The path is always logged.",
  }),
};

const region = z.enum(regions).meta({ description: "Where its traffic is billed as served from." });

const parent = z
  .uuid()
  .toLowerCase()
  .nullable()
  .meta({ description: "The group whose edges are asked on a miss, before the origin. It has no parent of its own." });

/** `{}` is a whole, sensible group. */
export const edgeGroupSettingsSchema = z
  .strictObject({
    listeners: z
      .strictObject({
        host: listeners.host.default("0.0.0.0"),
        more_hosts: listeners.more_hosts.default([]),
        http: listeners.http.default(80),
        https: listeners.https.default(443),
        parent: listeners.parent.default(null),
      })
      .prefault({}),
    cache: z
      .strictObject({
        zone_mb: cache.zone_mb.default(64),
        disk_max_gb: cache.disk_max_gb.default(10),
        disks: cache.disks.default([]),
      })
      .prefault({}),
    documents: z.strictObject({ count_max: documents.count_max.default(100_000) }).prefault({}),
    workers: z
      .strictObject({ count: workers.count.default(0), connections: workers.connections.default(16_384) })
      .prefault({}),
    modules: z.strictObject({ brotli: modules.brotli.default(true), http3: modules.http3.default(true) }).prefault({}),
    logs: z.strictObject({ one_in: logs.one_in.default(1), query: logs.query.default(false) }).prefault({}),
    region: region.default("other"),
    parent_group_id: parent.default(null),
  })
  .superRefine((settings, context) => {
    for (const { path, message } of settingsFaults(settings)) context.addIssue({ code: "custom", path, message });
  });
export type EdgeGroupSettings = z.output<typeof edgeGroupSettingsSchema>;

/** RFC 7396: what is absent stays. Lists are written whole. */
export const edgeGroupSettingsPatch = z
  .strictObject({
    listeners: z.strictObject(listeners).partial(),
    cache: z.strictObject(cache).partial(),
    documents: z.strictObject(documents).partial(),
    workers: z.strictObject(workers).partial(),
    modules: z.strictObject(modules).partial(),
    logs: z.strictObject(logs).partial(),
    region,
    parent_group_id: parent,
  })
  .partial();
export type EdgeGroupSettingsPatch = z.output<typeof edgeGroupSettingsPatch>;

interface Faulty {
  readonly listeners: {
    host: string;
    more_hosts: readonly string[];
    http: number;
    https: number;
    parent: number | null;
  };
  readonly cache: { disks: readonly { path: string }[] };
}

/** What single fields cannot say of each other. */
function settingsFaults({ listeners: { host, more_hosts, http, https, parent }, cache: { disks } }: Faulty) {
  const faults: { path: (string | number)[]; message: string }[] = [];
  if (http === https) faults.push({ path: ["listeners", "https"], message: "must be another port than http." });
  if (parent === http || parent === https) {
    faults.push({ path: ["listeners", "parent"], message: "must be another port than http and https." });
  }
  for (const [index, one] of more_hosts.entries()) {
    const message = hostFault(one, [host, ...more_hosts.slice(0, index)]);
    if (message !== undefined) faults.push({ path: ["listeners", "more_hosts", index], message });
  }
  for (const [index, { path }] of disks.entries()) {
    const earlier = disks.slice(0, index).find((other) => isWithin(path, other.path) || isWithin(other.path, path));
    if (earlier === undefined) continue;
    faults.push({
      path: ["cache", "disks", index, "path"],
      message: `must not be, hold or lie within ${earlier.path}, another disk of the list.`,
    });
  }
  return faults;
}

function hostFault(one: string, others: readonly string[]): string | undefined {
  if (others.includes(one)) return "is listed twice.";
  const isV6 = one.includes(":");
  if (others.includes("::")) return "is covered by :: already, which is every address.";
  if (one === "::" || (one === "0.0.0.0" && others.some((other) => !other.includes(":")))) {
    return `must stand alone as host: ${one} covers the others.`;
  }
  return !isV6 && others.includes("0.0.0.0") ? "is covered by 0.0.0.0 already." : undefined;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
