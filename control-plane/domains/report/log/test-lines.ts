// Access-log lines as an edge writes them. Tests only.
export { batchOf, line } from "../../../../agents/access-log/test-lines.ts";
