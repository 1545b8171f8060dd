// What accounts are told, by letter and by webhook. The only door of this domain.
export { createCourier } from "./courier.ts";
export type { NotificationEvent } from "./events.ts";
export { notificationHandlers, notificationSchedules } from "./handlers.ts";
export { type Notification, notify } from "./notify.ts";
export { createSender } from "./request.ts";
export { wasTold } from "./store.ts";
export { webhookRoutes } from "./webhook-routes.ts";
export { createWebhookService } from "./webhook-service.ts";
