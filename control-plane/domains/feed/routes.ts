// The feed as agents read it.
import { FEED_ID_HEADER } from "../../../agents/contract.ts";
import type { Database } from "../../database/transaction.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { readFeedKeys } from "./feed.ts";
import type { FeedGateway } from "./gateway.ts";
import { anotherFeed, changesForgotten, feedNotReady, tooManyWaiting } from "./problems.ts";
import { changesQuery, feedKeysReply } from "./schema.ts";
import type { SnapshotReader } from "./snapshot.ts";

const tag = "Edge protocol";

export interface FeedRouteSettings {
  readonly db: Database;
  readonly gateway: FeedGateway;
  readonly readSnapshot: SnapshotReader;
}

export function feedRoutes({ db, gateway, readSnapshot }: FeedRouteSettings): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/edge/v1/feed-keys",
      operationId: "readFeedKeys",
      tag: tag,
      summary: "The keys that sign the feed, each with the former one's signature over it",
      access: { kind: "edge" },
      reply: { status: 200, body: feedKeysReply },
      async handle() {
        return { body: { feed_keys: await readFeedKeys(db) } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edge/v1/changes",
      operationId: "readFeedChanges",
      tag: tag,
      summary: "The feed's records after a revision, waiting for new ones",
      access: { kind: "edge" },
      query: changesQuery,
      // Encoded once for all agents; its shape is changesReplySchema of agents/contract.ts.
      reply: { status: 200, raw: "application/json" },
      problems: [anotherFeed, changesForgotten, feedNotReady, tooManyWaiting],
      async handle({ query, caller, facts }) {
        const asked = { feedId: query.feed_id, since: query.since, waitMs: query.wait * 1000 };
        const answer = await gateway.changes(caller, asked, facts.signal);
        return answer === undefined ? { status: 304 } : { body: answer };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edge/v1/snapshot",
      operationId: "readFeedSnapshot",
      tag: tag,
      summary: "The newest checkpoint, or 204 when there is none",
      access: { kind: "edge" },
      reply: { status: 200, raw: "application/octet-stream" },
      problems: [feedNotReady],
      async handle({ caller, facts }) {
        const { feedId, file } = await readSnapshot(caller, facts.signal);
        const headers = { [FEED_ID_HEADER]: feedId };
        return file === undefined ? { status: 204, headers } : { headers, body: file };
      },
    }),
  ];
}
