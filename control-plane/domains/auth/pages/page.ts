// The few pages that people see when they follow a link, without a script. What they may load and where their form may go
// is told to the browser.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import Handlebars from "handlebars";
import { Problem } from "../../../../platform/problem.ts";
import type { Reply } from "../../../http/define-route.ts";

export const HTML = "text/html; charset=utf-8";

interface Form {
  readonly action: string;
  /** Of the link: the form brings it back. */
  readonly token: string;
  readonly button: string;
  readonly asksPassword: boolean;
  /** What was wrong with the password that came before. */
  readonly fault?: string;
}

export interface Page {
  readonly title: string;
  readonly paragraphs: readonly string[];
  /** To be copied. */
  readonly code?: string;
  readonly form?: Form;
}

const source = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const style = source("page.css");
const print = Handlebars.compile(source("page.hbs"), { knownHelpersOnly: true, knownHelpers: {} });
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

function pageReply(page: Page, status = 200): Reply<string> {
  return {
    status,
    headers: { "content-security-policy": POLICY, "cache-control": "no-store" },
    body: print({ ...page, style }),
  };
}

export function pageOrProblem(work: () => Promise<Page>): Promise<Reply<string>> {
  return replyOrProblem(async () => pageReply(await work()));
}

/** People read problems as pages too. */
export async function replyOrProblem(work: () => Promise<Reply<string>>): Promise<Reply<string>> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return pageReply({ title: error.kind.title, paragraphs: [error.detail] }, error.kind.status);
  }
}
