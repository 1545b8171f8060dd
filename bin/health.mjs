// `node bin/health.mjs URL`: exit 0 when it answers 2xx within two seconds. For health checks of containers, whose images
// have no curl.
const TIMEOUT_MS = 2_000;

const [url = ""] = process.argv.slice(2);
try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "manual" });
  process.stdout.write(`${answer.status} ${await answer.text()}\n`);
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`${url} does not answer: ${error.cause?.message ?? error.message}\n`);
  process.exitCode = 1;
}
