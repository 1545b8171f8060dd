// `edgewright agent:start` is listed here for whoever looks for it; bin/edgewright.mjs hands it to agents/main.ts.
import { Command } from "commander";

export function agentStartCommand(): Command {
  return new Command("agent:start").description("run the agent of this machine's edge (settings: EDGE_… variables)");
}
