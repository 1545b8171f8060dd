// What Prometheus reads of an edge, and whether it is well: gathered when somebody asks, from what the steps know anyway.
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Edge } from "../apply/edge.ts";
import { refusalSchema } from "../contract.ts";
import type { ShippingCounts } from "../logs/ship.ts";

const STAGES = refusalSchema.shape.stage.options;

export function createAgentMetrics(edge: Edge, shipping: ShippingCounts): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  feedMetrics(registry, edge);
  nginxMetrics(registry, edge);
  logMetrics(registry, shipping);
  diskMetrics(registry, edge);
  return registry;
}

function feedMetrics(registry: Registry, { progress, refusals, state }: Edge): void {
  gauge(registry, "applied_revision", "Everything up to this revision is served or refused", () => progress.applied);
  gauge(registry, "structure_revision", "The structure that nginx runs, 0 when none", () => progress.structure);
  gauge(registry, "documents", "Distributions that this edge holds", () => state.index().documents());
  gauge(registry, "last_contact_seconds", "Since the control plane last answered; -1 before the first time", () =>
    progress.contactAt === undefined ? -1 : (performance.now() - progress.contactAt) / 1000,
  );
  gauge(registry, "journal_bytes", "Changes on the disk since the last checkpoint", () => state.journalSize().bytes);
  counter(registry, "records_applied_total", "Records of the feed that were taken", () => progress.records);
  const refused = new Gauge({
    name: "edgewright_edge_refused_records",
    help: "Records that are refused, by the stage at which",
    labelNames: ["stage"],
    registers: [registry],
    collect: () => {
      const counts = refusals.countByStage();
      for (const stage of STAGES) refused.set({ stage }, counts.get(stage) ?? 0);
    },
  });
}

function nginxMetrics(registry: Registry, { nginx, control, crashes }: Edge): void {
  gauge(registry, "nginx_running", "1 while nginx serves", () => (nginx.running() ? 1 : 0));
  counter(registry, "nginx_starts_total", "Times that nginx was started", () => nginx.counts().starts);
  counter(
    registry,
    "nginx_reloads_total",
    "Times that nginx was told to read its files anew",
    () => nginx.counts().reloads,
  );
  counter(registry, "worker_crashes_total", "Workers of nginx that ended by a signal", () => crashes.count());
  const connections = new Gauge({
    name: "edgewright_edge_connections",
    help: "Connections of nginx, to itself included; absent while it is away",
    registers: [registry],
    collect: async () => {
      const state = nginx.running() ? await control.state(STATE_TIMEOUT_MS).catch(() => undefined) : undefined;
      if (state?.connections === undefined || state.connections === null) connections.remove();
      else connections.set(state.connections);
    },
  });
}

const STATE_TIMEOUT_MS = 1_000;

function logMetrics(registry: Registry, shipping: ShippingCounts): void {
  counter(registry, "log_batches_sent_total", "Access-log batches that arrived", () => shipping.batches);
  counter(registry, "log_lines_lost_total", "Access-log lines that were given up", () => shipping.lostLines);
  gauge(registry, "log_pending_bytes", "Access log that is not sent yet", () => shipping.pendingBytes);
}

function diskMetrics(registry: Registry, { home }: Edge): void {
  const disk = new Gauge({
    name: "edgewright_edge_disk_bytes",
    help: "The file systems of the cache and of the state",
    labelNames: ["folder", "part"],
    registers: [registry],
    collect: async () => {
      for (const folder of ["cache", "state"]) {
        const { bsize, blocks, bavail } = await statfs(join(home, folder));
        disk.set({ folder, part: "size" }, blocks * bsize);
        disk.set({ folder, part: "free" }, bavail * bsize);
      }
    },
  });
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const made: Gauge = new Gauge({
    name: `edgewright_edge_${name}`,
    help,
    registers: [registry],
    collect: () => {
      made.set(read());
    },
  });
}

/** `read`: the total, which only grows. */
function counter(registry: Registry, name: string, help: string, read: () => number): void {
  let told = 0;
  const made: Counter = new Counter({
    name: `edgewright_edge_${name}`,
    help,
    registers: [registry],
    collect: () => {
      const total = read();
      made.inc(total - told);
      told = total;
    },
  });
}
