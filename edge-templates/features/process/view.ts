// nginx.conf: the process, its workers, and the order of the other files.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

interface View {
  readonly title: string;
  readonly workers: {
    readonly auto: boolean;
    readonly count: number;
    readonly connections: number;
  };
}

const template = readTemplate<View>(import.meta.url, "nginx.hbs");

export function nginxConf({ id, settings: { workers } }: DesiredGroup): string {
  return template({
    title: `edge-group/${id}`,
    workers: { auto: workers.count === 0, ...workers },
  });
}
