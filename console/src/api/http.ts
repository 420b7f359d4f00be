import { ApiError, type FieldProblem } from "./error";

/** Given with each session; every request that may change something carries it. It lives in memory alone. */
let csrfToken: string | null = null;

export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** What is done when the session turns out to have ended. */
let onSessionEnd: () => void = () => {};

export function setOnSessionEnd(listener: () => void): void {
  onSessionEnd = listener;
}

type Problem = {
  code?: string;
  message?: string;
  hint?: string | null;
  details?: string | null;
  request_id?: string;
  errors?: FieldProblem[];
};

/** One request in JSON. A problem that comes back is thrown as an `ApiError`. */
export async function http<T>(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && csrfToken !== null) headers["x-csrf-token"] = csrfToken;
  const response = await fetch(path, {
    method,
    headers,
    credentials: "same-origin",
    body: body === undefined ? null : JSON.stringify(body),
  });
  if (response.status === 204) return undefined as T;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer as T;
  const error = problem(response, (answer ?? {}) as Problem);
  // A wrong password is refused by 401 as well; management answers so only to those who have no session any more.
  const ended = error.code === "session/required" || (response.status === 401 && path === "/graphql");
  if (ended && csrfToken !== null) {
    csrfToken = null;
    onSessionEnd();
  }
  throw error;
}

function problem(response: Response, answer: Problem): ApiError {
  const after = Number(response.headers.get("retry-after"));
  return new ApiError(
    answer.code ?? `http/${response.status}`,
    answer.message ?? `The server answered ${response.status}.`,
    {
      hint: answer.hint,
      details: answer.details,
      fields: answer.errors,
      requestId: answer.request_id,
      retryAfter: Number.isFinite(after) && after > 0 ? after : undefined,
    },
  );
}
