// Certificates over HTTP.
import { pageOf, pageSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import {
  certificateAskedFor,
  certificateAutomatic,
  certificateInUse,
  certificateUploaded,
  nothingToRevoke,
  tooManyCertificates,
  unknownCertificate,
} from "./problems.ts";
import { certificateToReply } from "./reply.ts";
import {
  certificateParams,
  certificateReply,
  createCertificateInput,
  listCertificatesQuery,
  patchCertificateInput,
  revokeCertificateInput,
} from "./schema.ts";
import type { AssertUnchanged, CertificateService } from "./service.ts";

const tag = "Certificates";
const reading = { kind: "account", role: "viewer", scope: "certificates:read" } as const;
const writing = { kind: "account", role: "editor", scope: "certificates:write" } as const;

export function certificateRoutes(certificates: CertificateService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/certificates",
      operationId: "createCertificate",
      tag,
      summary: "Upload a certificate with its key (201), or have one got and renewed (202)",
      access: writing,
      body: createCertificateInput,
      reply: { status: 201, orStatus: 202, body: certificateReply },
      problems: [tooManyCertificates],
      async handle({ body, caller }) {
        const record = await certificates.create(caller, body);
        const headers = { location: `/api/v1/certificates/${record.id}` };
        return { status: body.automatic ? 202 : 201, headers, body: certificateToReply(record) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/certificates",
      operationId: "listCertificates",
      tag,
      summary: "The account's certificates, newest first",
      access: reading,
      query: listCertificatesQuery,
      reply: { status: 200, body: pageSchema(certificateReply) },
      async handle({ query, caller }) {
        const page = await certificates.list(caller, query);
        return { body: pageOf(page, query, ({ record }) => certificateToReply(record)) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/certificates/{id}",
      operationId: "getCertificate",
      tag,
      summary: "One certificate, without its key",
      access: reading,
      params: certificateParams,
      reply: { status: 200, body: certificateReply },
      problems: [unknownCertificate],
      async handle({ params, caller }) {
        return { body: certificateToReply(await certificates.get(caller, params.id)) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/certificates/{id}",
      operationId: "updateCertificate",
      tag,
      summary: "Rename it, or send another one in its place: edges show that within a second",
      access: writing,
      ifMatch: true,
      params: certificateParams,
      body: patchCertificateInput,
      reply: { status: 200, body: certificateReply },
      problems: [unknownCertificate, certificateAutomatic],
      async handle({ params, body, caller, facts }) {
        return { body: certificateToReply(await certificates.update(caller, params.id, body, asRead(facts))) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/certificates/{id}",
      operationId: "deleteCertificate",
      tag,
      summary: "Delete a certificate that no distribution is served with, and destroy its key",
      access: writing,
      ifMatch: true,
      params: certificateParams,
      reply: { status: 204, empty: true },
      problems: [unknownCertificate, certificateInUse],
      async handle({ params, caller, facts }) {
        await certificates.remove(caller, params.id, asRead(facts));
        return {};
      },
    }),
    defineRoute({
      method: "POST",
      path: "/certificates/{id}/renew",
      operationId: "renewCertificate",
      tag,
      summary: "Ask the authority for another one now",
      access: writing,
      params: certificateParams,
      reply: { status: 202, body: certificateReply },
      problems: [unknownCertificate, certificateUploaded, certificateAskedFor],
      async handle({ params, caller }) {
        return { body: certificateToReply(await certificates.renew(caller, params.id)) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/certificates/{id}/revoke",
      operationId: "revokeCertificate",
      tag,
      summary: "Have the authority take it back, after another one has taken its place",
      access: writing,
      params: certificateParams,
      body: revokeCertificateInput,
      reply: { status: 202, body: certificateReply },
      problems: [unknownCertificate, certificateUploaded, certificateAskedFor, nothingToRevoke],
      async handle({ params, body, caller }) {
        return { body: certificateToReply(await certificates.revoke(caller, params.id, body)) };
      },
    }),
  ];
}

/** With If-Match, the certificate must still be the one that was read. */
function asRead(facts: RequestFacts): AssertUnchanged {
  return (current) => assertIfMatch(facts, certificateToReply(current));
}
