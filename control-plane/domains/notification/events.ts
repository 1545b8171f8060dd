// What accounts are told of. A closed list: webhooks are set up for some of these, and documentation names them.

export const notificationEvents = [
  "certificate.expiring",
  "certificate.issued",
  "certificate.failed",
  "domain.pointing",
  "domain.not-pointing",
  "domain.won",
  "domain.lost",
  "webhook.disabled",
] as const;
export type NotificationEvent = (typeof notificationEvents)[number];

/** Sent to one webhook when its owner asks for it; nobody sets up a webhook for it. */
export const TEST_EVENT = "webhook.test";
