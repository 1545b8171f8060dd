// The letter box: a letter put in here goes out if, and only if, the transaction is committed.
import { randomUUID } from "node:crypto";
import type { Seal } from "../../../platform/seal.ts";
import type { Tx } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { sendLetter } from "./jobs.ts";
import { type Letter, letterSchema } from "./letter.ts";
import type { Mailer } from "./mailer.ts";

export interface Post {
  post(tx: Tx, letter: Letter): Promise<void>;
}

export function createPost(seal: Seal): Post {
  return {
    async post(tx, letter) {
      const id = randomUUID();
      await enqueueJob(tx, sendLetter, { id, sealed: seal.seal(JSON.stringify(letter), contextOf(id)) });
    },
  };
}

export function mailHandlers({ mailer, seal }: { mailer: Mailer; seal: Seal }): JobHandler[] {
  return [
    handleJob(sendLetter, async ({ id, sealed }, signal) => {
      const letter = letterSchema.parse(JSON.parse(seal.open(sealed, contextOf(id))));
      await mailer.send(letter, { id, signal });
    }),
  ];
}

function contextOf(id: string): string {
  return `letter:${id}`;
}
