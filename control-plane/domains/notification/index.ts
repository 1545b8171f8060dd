// What accounts are told, by letter and by webhook. The only door of this domain.
export { type NotificationEvent, notificationEvents } from "./events.ts";
export { notificationHandlers } from "./handlers.ts";
export { type Notification, notify } from "./notify.ts";
