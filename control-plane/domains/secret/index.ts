// Values that are sealed at rest and never read back: customers' and the platform's own. The only door of this domain.
export {
  destroySecret,
  ensurePlatformSecret,
  openSecret,
  resealPlatformSecrets,
  type SecretPurpose,
  storeSecret,
} from "./service.ts";
