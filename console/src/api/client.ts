import { print } from "@0no-co/graphql.web";
import type { TadaDocumentNode } from "gql.tada";

import { confirmPassword } from "./confirmation";
import { ApiError, type FieldProblem } from "./error";
import { http } from "./http";
import { followSession } from "./session";

/** What every mutation says of its outcome. */
export type Verdict = {
  success: boolean;
  code: string | null;
  message: string;
  details: string | null;
  hint: string | null;
  fieldErrors: FieldProblem[];
};

type GraphqlError = { message: string; extensions?: { code?: string; hint?: string; requestId?: string } };

type Answer<R> = { data: R | null; errors?: GraphqlError[] };

/** Asks `/graphql`. Where the server wants the password again, the person is asked for it and the call is repeated. */
export async function ask<R, V>(document: TadaDocumentNode<R, V>, variables: V): Promise<R> {
  return confirmed(async () => {
    const answer = await http<Answer<R>>("POST", "/graphql", { query: print(document), variables });
    const error = answer.errors?.[0];
    if (error) {
      const { code, hint, requestId } = error.extensions ?? {};
      throw new ApiError(code ?? "graphql/refused", error.message, { hint, requestId });
    }
    return answer.data as R;
  });
}

/** The same for a mutation of one field: its payload when it was done, an `ApiError` when it was refused. */
export async function change<R extends Record<string, Verdict>, V>(
  document: TadaDocumentNode<R, V>,
  variables: V,
): Promise<R[keyof R]> {
  const data = await ask(document, variables);
  const payload = Object.values(data)[0] as R[keyof R];
  if (!payload.success) {
    const { code, message, hint, details, fieldErrors } = payload;
    throw new ApiError(code ?? "graphql/refused", message, { hint, details, fields: fieldErrors });
  }
  return payload;
}

/** What is done about a refusal before the call is tried once more. */
const REMEDIES: Record<string, () => Promise<void>> = {
  "session/reauthenticate": confirmPassword,
  "session/csrf": followSession,
};

async function confirmed<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const remedy = error instanceof ApiError ? REMEDIES[error.code] : undefined;
    if (!remedy) throw error;
    await remedy();
    return await call();
  }
}
