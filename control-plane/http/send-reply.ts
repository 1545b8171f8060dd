// Checks a handler's reply against its declaration and writes it: tagged, and left out where the client has it already.
import { Readable } from "node:stream";
import type { Context } from "koa";
import { z } from "zod";
import { contentTypesOf, goodStatuses, JSON_TYPE, type Reply, type Route } from "./define-route.ts";
import { etagOfText, hasTag, isNotModified } from "./etag.ts";

const WITHOUT_BODY = new Set([204, 304]);

/** As its route declares it, with the status that is sent. */
export type CheckedReply = Reply<unknown> & { readonly status: number };

export function sendReply(context: Context, route: Route, reply: CheckedReply): void {
  context.status = reply.status;
  if (context.method === "GET" || context.method === "HEAD")
    context.res.setHeader("cache-control", "private, no-cache");
  if (reply.headers !== undefined) context.set({ ...reply.headers });
  if (WITHOUT_BODY.has(reply.status)) {
    context.body = null;
  } else if ("body" in route.reply) {
    sendText(context, route, reply);
  } else if ("raw" in route.reply) {
    sendRaw(context, route.reply.raw, reply.body);
  } else {
    sendNothing(context);
  }
}

/** A reply that its own declaration does not describe is a defect: clients are generated from the declaration. */
export function checkedReply(route: Route, reply: Reply<unknown>): CheckedReply {
  const sent = { ...reply, status: reply.status ?? route.reply.status };
  if (!("body" in route.reply) || reply.prepared !== undefined || WITHOUT_BODY.has(sent.status)) return sent;
  if (reply.written !== undefined) {
    if (contentTypesOf(route.reply).includes(reply.written.type)) return sent;
    throw new Error(`the reply of ${route.operationId} has a content type that it does not declare`);
  }
  // Not of failures: /ready tells in its own shape, with 503, who is away.
  if (sent.status < 400 && !goodStatuses(route.reply).includes(sent.status))
    throw new Error(`the reply of ${route.operationId} has a status that it does not declare: ${sent.status}`);
  const checked = route.reply.body.safeParse(reply.body);
  if (checked.success) return sent;
  throw new Error(`the reply of ${route.operationId} is not what it declares:\n${z.prettifyError(checked.error)}`);
}

function sendText(context: Context, route: Route, { body, prepared, written }: CheckedReply): void {
  const text = written?.text ?? prepared?.json ?? JSON.stringify(body);
  context.res.setHeader("content-type", written === undefined ? JSON_TYPE : `${written.type}; charset=utf-8`);
  if (contentTypesOf(route.reply).length > 1) context.vary("Accept");
  if (context.status === 200 && hasTag(route) && !context.res.hasHeader("etag")) {
    context.res.setHeader("etag", prepared?.etag ?? etagOfText(text));
  }
  const isRead = context.method === "GET" || context.method === "HEAD";
  if (isRead && isNotModified(context.headers["if-none-match"], context.response.get("etag"))) {
    context.status = 304;
    context.body = null;
    return;
  }
  context.body = text;
}

const rawSchema = z.union([z.string(), z.instanceof(Buffer), z.instanceof(Readable)]);

function sendRaw(context: Context, contentType: string, body: unknown): void {
  const content = rawSchema.parse(body);
  context.set("content-type", contentType);
  if (context.method === "HEAD" && content instanceof Readable) {
    content.destroy();
    context.body = "";
    return;
  }
  context.body = content;
}

/** Koa turns a null body into 204, whatever the status was: an empty 202 stays a 202. */
function sendNothing(context: Context): void {
  context.body = "";
  context.remove("content-type");
}
