// The API's reference for people: Swagger UI from node_modules, so that it works without the internet.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { defineRoute, type Route } from "./define-route.ts";
import { API_BASE } from "./served-path.ts";

const require = createRequire(import.meta.url);

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Edgewright API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;
const START = `SwaggerUIBundle({ url: "${API_BASE}/openapi.json", dom_id: "#reference", deepLinking: true });\n`;

// Swagger UI sets style attributes and draws its icons from data URLs.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const CACHED = { "cache-control": "public, max-age=3600" };

export function docsRoutes(): Route[] {
  return [
    fileRoute("/docs", "text/html; charset=utf-8", async () => PAGE, { "content-security-policy": POLICY }),
    fileRoute("/docs/start.js", "text/javascript; charset=utf-8", async () => START, CACHED),
    fileRoute(
      "/docs/swagger-ui-bundle.js",
      "text/javascript; charset=utf-8",
      packaged(require.resolve("swagger-ui-dist/swagger-ui-bundle.js")),
      CACHED,
    ),
    fileRoute(
      "/docs/swagger-ui.css",
      "text/css; charset=utf-8",
      packaged(require.resolve("swagger-ui-dist/swagger-ui.css")),
      CACHED,
    ),
  ];
}

function fileRoute(
  path: string,
  contentType: string,
  read: () => Promise<string | Buffer>,
  headers: Record<string, string>,
): Route {
  return defineRoute({
    method: "GET",
    path,
    operationId: path,
    tag: "Docs",
    summary: "A file of the API's reference",
    access: { kind: "public" },
    unlimited: true,
    reply: { status: 200, raw: contentType },
    handle: async () => ({ headers, body: await read() }),
  });
}

/** Read at the first request and kept: the bundle is 1.5 MB. */
function packaged(path: string): () => Promise<Buffer> {
  let content: Promise<Buffer> | undefined;
  return () => {
    content ??= readFile(path);
    return content;
  };
}
