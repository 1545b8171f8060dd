// Secrets on their way to edges: sealed for the nodes of a group, and taken away when no distribution there needs them. The
// only door of this domain; whose secrets they are is the secret domain's business.
export { resealSecrets } from "./jobs.ts";
export {
  createEdgeSecrets,
  type EdgeSecrets,
  type NeededSecret,
  type OpenedSecret,
  type SecretCourier,
  type SecretDelivery,
} from "./service.ts";
export { deleteUses } from "./store.ts";
