// A problem (RFC 9457) is an error that somebody outside may see. Each domain keeps a closed list of its own;
// anything else that is thrown is a defect and shows nothing but an id.

export interface FieldFault {
  /** RFC 6901 pointer into the request: `/origin/url`, or `?limit`, `:id`, for query and path. */
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemKind {
  readonly type: string;
  readonly title: string;
  readonly status: number;
}

export interface ProblemBody extends ProblemKind {
  readonly detail: string;
  readonly instance?: string;
  readonly errors?: readonly FieldFault[];
}

export class Problem extends Error {
  override readonly name = "Problem";
  readonly kind: ProblemKind;
  readonly detail: string;
  readonly errors: readonly FieldFault[] | undefined;
  /** Answer headers that belong to the problem, such as Retry-After. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    kind: ProblemKind,
    detail: string,
    options: { errors?: readonly FieldFault[]; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(`${kind.title}: ${detail}`, { cause: options.cause });
    this.kind = kind;
    this.detail = detail;
    this.errors = options.errors;
    this.headers = options.headers ?? {};
  }

  body(instance?: string): ProblemBody {
    return {
      ...this.kind,
      detail: this.detail,
      ...(instance === undefined ? {} : { instance }),
      ...(this.errors === undefined ? {} : { errors: this.errors }),
    };
  }
}

/** `slug` names the problem for programs: `urn:edgewright:problem:<slug>`. */
export function defineProblem(slug: string, status: number, title: string): ProblemKind {
  return { type: `urn:edgewright:problem:${slug}`, title, status };
}
