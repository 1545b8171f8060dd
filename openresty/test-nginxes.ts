// The ends of what an edge may run, for tests that hold on both: `describe.each(NGINXES)`.
import type { NginxInstallation } from "../platform/embedded/nginx.ts";
import { oldestTestNginx, testNginx } from "../platform/embedded/test-services.ts";

export const NGINXES: readonly (readonly [name: string, install: () => Promise<NginxInstallation>])[] = [
  ["the newest nginx", testNginx],
  ["the oldest nginx", oldestTestNginx],
];
