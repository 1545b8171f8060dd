// Mail to people: letters, the box they go into, and the server that takes them. The only door of this domain.
export { MAIL_ATTEMPTS } from "./jobs.ts";
export type { Letter } from "./letter.ts";
export { createMailer, type Mailer } from "./mailer.ts";
export { createPost, mailHandlers, type Post } from "./post.ts";
