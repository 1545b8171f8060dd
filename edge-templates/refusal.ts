// The one error that the compiler throws on purpose: this desired state cannot be put on an edge, and why.
import type { z } from "zod";

export class CompileRefusal extends Error {
  override readonly name = "CompileRefusal";
  /** Where in the desired state: `origins/0/host`. */
  readonly field: string;
  readonly reason: string;

  constructor(field: string, reason: string) {
    super(`${field}: ${reason}`);
    this.field = field;
    this.reason = reason;
  }
}

export function refusalOf(error: z.ZodError): CompileRefusal {
  const [issue] = error.issues;
  return new CompileRefusal(issue?.path.join("/") ?? "", issue?.message ?? "is not valid");
}
