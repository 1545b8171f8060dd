// Reads an answer's body up to a limit: whoever answers does not decide how much memory we need.
import type { Readable } from "node:stream";

export async function readBody(body: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > bytesMax) {
      body.destroy();
      throw new Error(`the answer has more than ${bytesMax} bytes`);
    }
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString("utf8");
}
