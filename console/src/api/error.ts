export type FieldProblem = { field: string; rule: string; message: string };

type More = {
  hint?: string | null | undefined;
  details?: string | null | undefined;
  fields?: FieldProblem[] | undefined;
  requestId?: string | undefined;
  /** Seconds after which another try makes sense. */
  retryAfter?: number | undefined;
};

/** Whatever the server refused, from whichever of its interfaces: a stable code, a sentence, and what to do next. */
export class ApiError extends Error {
  readonly code: string;
  readonly hint: string | null;
  readonly details: string | null;
  readonly fields: FieldProblem[];
  readonly requestId: string | null;
  readonly retryAfter: number | null;

  constructor(code: string, message: string, more: More = {}) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.hint = more.hint ?? null;
    this.details = more.details ?? null;
    this.fields = more.fields ?? [];
    this.requestId = more.requestId ?? null;
    this.retryAfter = more.retryAfter ?? null;
  }

  /** What is said of one field of the input: `input.name`, or `name` for short. */
  field(name: string): string | null {
    const found = this.fields.find(({ field }) => field === name || field === `input.${name}`);
    return found ? found.message : null;
  }
}

/** Anything that was thrown, as something that can be shown. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof TypeError) {
    return new ApiError("server/unreachable", "The server does not answer.", {
      hint: "Check that it runs and that you are connected, then try again.",
    });
  }
  return new ApiError(
    "console/failed",
    thrown instanceof Error ? thrown.message : "Something went wrong in this page.",
  );
}
