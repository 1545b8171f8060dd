// Values that are sealed at rest and never read back: customers' and the platform's own. The only door of this domain.
export {
  ensurePlatformSecret,
  openSecret,
  resealPlatformSecrets,
  storeSecret,
} from "./service.ts";
