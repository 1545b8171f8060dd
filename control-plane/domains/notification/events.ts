// What accounts are told of. A closed list: webhooks are set up for some of these, and documentation names them.

export const notificationEvents = [
  "certificate.expiring",
  "certificate.issued",
  "certificate.failed",
  "domain.pointing",
  "domain.not-pointing",
  "domain.won",
  "domain.lost",
  "distribution.moved",
  "usage.warning",
  "usage.exceeded",
  "alert.raised",
  "alert.resolved",
  "webhook.disabled",
] as const;
export type NotificationEvent = (typeof notificationEvents)[number];

/** News that nobody has to do anything about, and that come every few weeks for each name: programs are told, people are not. */
export const WITHOUT_LETTER: ReadonlySet<NotificationEvent> = new Set(["certificate.issued"]);

/** Sent to one webhook when its owner asks for it; nobody sets up a webhook for it. */
export const TEST_EVENT = "webhook.test";
