// One whole distribution and one whole group, for tests to vary.
import { type DesiredDistribution, type DesiredGroup, edgeGroupSettingsSchema } from "./desired.ts";

export const exampleDistribution: DesiredDistribution = {
  id: "8a1f7f0e-5a53-4d5e-9a5e-6a1f4f0c2a11",
  accountId: "0b9e5a36-7f2b-4c8e-9d53-6a1f4f0c2a12",
  hosts: ["www.example.com"],
  accelerationType: "static",
  http2: true,
  http3: true,
  https: true,
  redirectHttpToHttps: false,
  balancer: "failover",
  origins: [
    {
      id: "5d1c1a52-3f0b-4d5e-9a5e-1234567890ab",
      scheme: "https",
      host: "origin.example.net",
      port: 443,
      hostHeader: "origin.example.net",
      sni: "origin.example.net",
      weight: 1,
      primary: true,
    },
  ],
};

export const exampleGroup: DesiredGroup = {
  id: "3f0b1a52-5a53-4d5e-9a5e-1234567890ab",
  name: "Example",
  settings: edgeGroupSettingsSchema.parse({}),
  capabilities: { nginx: "1.26.3", http3: true, http2_directive: true },
  ownNames: ["localhost", "127.0.0.1"],
};
