// What can be wrong with a certificate, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownCertificate = defineProblem("unknown-certificate", 404, "There is no such certificate");
export const certificateInUse = defineProblem(
  "certificate-in-use",
  409,
  "Distributions are served with the certificate",
);
export const tooManyCertificates = defineProblem("too-many-certificates", 409, "The account has as many as it may");
export const certificateUploaded = defineProblem("certificate-uploaded", 409, "The certificate was uploaded");
export const certificateAutomatic = defineProblem("certificate-automatic", 409, "The certificate is renewed by itself");
export const certificateAskedFor = defineProblem(
  "certificate-asked-for",
  429,
  "Another certificate was asked for just now",
);
export const nothingToRevoke = defineProblem("nothing-to-revoke", 409, "There is no certificate to revoke");
