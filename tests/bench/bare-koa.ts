// The ceiling of bench:api: Koa with nothing but a handler that answers the JSON of a file.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import Koa from "koa";

const [file = "", port = ""] = process.argv.slice(2);
const answer: unknown = JSON.parse(readFileSync(file, "utf8"));
const app = new Koa();
app.use((context) => {
  context.body = answer;
});
const server = createServer(app.callback());
server.listen(Number(port), "127.0.0.1");
await once(server, "listening");
