// Automatic certificates: orders at a certificate authority, from the wish to the stored chain, and again before it runs out. The
// only door of this domain; what becomes of a chain is the certificate domain's.
export { type AcmeSettings, acmeSchedules, createAcme } from "./acme.ts";
export type { AuthoritySettings } from "./authority.ts";
