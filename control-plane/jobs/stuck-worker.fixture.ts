// For worker.test.ts: a worker process that begins a job, says so, and never ends it.
import knex from "knex";
import { z } from "zod";
import { createLogger } from "../../platform/log.ts";
import { defineJob, handleJob } from "./define-job.ts";
import { startWorker } from "./worker.ts";

const [databaseUrl, redisUrl, jobName] = z.tuple([z.string(), z.string(), z.string()]).parse(process.argv.slice(2));
const job = defineJob({ name: jobName, payload: z.object({ n: z.int() }) });

startWorker({
  db: knex({ client: "pg", connection: databaseUrl, pool: { min: 0, max: 1 } }),
  redisUrl,
  concurrency: 1,
  log: createLogger({ role: "test", level: "silent" }),
  handlers: [
    handleJob(job, ({ n }) => {
      process.stdout.write(`begun ${n}\n`);
      return new Promise(() => {});
    }),
  ],
});
