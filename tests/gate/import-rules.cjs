// Who may import whom (docs/ARCHITECTURE.md), as dependency-cruiser reads it. import-rules.test.ts proves that each rule
// bites on a planted violation.
const rooms = "control-plane|edge-templates|agents|media|platform|openresty|migrations";
const tests = "\\.test\\.ts$|\\.fixture\\.ts$|/test-[a-z-]+\\.ts$|^tests/";

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "nobody-enters-the-control-plane",
      comment: "agents, media, edge-templates and platform serve the control plane; they do not know it.",
      severity: "error",
      from: { path: "^(agents|media|edge-templates|platform|openresty)/", pathNot: tests },
      to: { path: "^control-plane/" },
    },
    {
      name: "control-plane-enters-by-doors",
      comment:
        "The control plane sees edge-templates/index.ts and the contracts of agents and media, nothing behind them.",
      severity: "error",
      from: { path: "^control-plane/", pathNot: tests },
      to: {
        path: "^(edge-templates|agents|media)/",
        pathNot: "^(edge-templates/index|agents/contract|media/contract)\\.ts$",
      },
    },
    {
      name: "agents-stand-alone",
      comment: "An agent runs on a machine that has nothing but itself, its contract and the platform.",
      severity: "error",
      from: { path: "^agents/", pathNot: tests },
      to: { path: `^(${rooms})/`, pathNot: "^(agents|platform)/" },
    },
    {
      name: "templates-are-pure",
      comment: "No clock, network or randomness; hashing is arithmetic, and templates are read once at load.",
      severity: "error",
      from: { path: "^edge-templates/", pathNot: tests },
      to: {
        path: "^(node:)?(net|http|https|http2|dns|tls|dgram|child_process|worker_threads|timers|os|cluster|undici|pg|knex|ioredis)(/|$)|node_modules/(undici|pg|knex|ioredis)/",
      },
    },
    {
      name: "platform-knows-no-room",
      severity: "error",
      from: { path: "^platform/", pathNot: tests },
      to: { path: `^(${rooms})/`, pathNot: "^platform/" },
    },
    {
      name: "domains-meet-at-their-doors",
      comment: "Domain A reaches domain B only through B/index.ts.",
      severity: "error",
      from: { path: "^control-plane/domains/([^/]+)/", pathNot: tests },
      to: { path: "^control-plane/domains/([^/]+)/", pathNot: "^control-plane/domains/($1/|[^/]+/index\\.ts$)" },
    },
    {
      name: "others-use-the-domains-doors",
      comment: "Roles, commands and the rest enter a domain by its index.ts too.",
      severity: "error",
      from: { path: "^control-plane/(?!domains/)", pathNot: tests },
      to: { path: "^control-plane/domains/", pathNot: "^control-plane/domains/[^/]+/index\\.ts$" },
    },
    {
      name: "only-roles-and-commands-compose",
      comment: "Domains and the layers below them receive their dependencies; they do not reach for them.",
      severity: "error",
      from: { path: "^control-plane/(domains|http|jobs|database|cache)/", pathNot: tests },
      to: { path: "^control-plane/(roles|cli|main\\.ts)" },
    },
    {
      name: "layers-know-no-domain",
      severity: "error",
      from: { path: "^control-plane/(http|jobs|database|cache)/", pathNot: tests },
      to: { path: "^control-plane/domains/" },
    },
    {
      name: "rules-and-schemas-do-no-io",
      severity: "error",
      from: { path: "^control-plane/domains/.+/(rules|schema)\\.ts$" },
      to: {
        path: "node_modules/(knex|objection|pg|ioredis|undici|bullmq|@clickhouse)/|^(node:)?(fs|http|https|dns|child_process)|/store\\.ts$",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "models-stay-in-stores",
      comment: "Objection is the stores' own; nobody else holds a model.",
      severity: "error",
      from: { path: "^control-plane/", pathNot: "/(store|[a-z-]+-store)\\.ts$|^control-plane/database/" },
      to: { path: "node_modules/objection/" },
    },
    {
      name: "routes-hold-no-sql",
      severity: "error",
      from: { path: "^control-plane/domains/.+/routes\\.ts$" },
      to: { path: "node_modules/(knex|objection|pg)/|/store\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "the-client-stands-alone",
      comment: "Whoever uses the API from outside takes the client with them: it knows HTTP and openapi.json.",
      severity: "error",
      from: { path: "^client/" },
      to: { path: `^(${rooms})/` },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "tests-are-not-imported",
      severity: "error",
      from: { path: `^(${rooms})/`, pathNot: tests },
      to: { path: tests },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
      extensions: [".ts", ".mjs", ".js"],
    },
  },
};
