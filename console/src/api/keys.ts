import { queryOptions } from "@tanstack/react-query";

import { ask, change } from "./client";
import { graphql, type ResultOf, type VariablesOf } from "./graphql";

const keyFields = graphql(`
  fragment KeyFields on ApiKey {
    id
    prefix
    kind
    name
    scopes
    default
    createdAt
    lastUsedAt
    expiresAt
    revokedAt
    publishable
  }
`);

export type ApiKey = ResultOf<typeof keyFields>;

/** A new pair: the secret key is nowhere else, and shown once. */
export type KeyPair = { publishable: string; secret: string };

const KEYS = graphql(
  `
    query ApiKeys($environmentId: String!, $after: String) {
      apiKeys(environmentId: $environmentId, first: 100, after: $after) {
        nodes {
          ...KeyFields
        }
        pageInfo {
          endCursor
          hasNextPage
        }
      }
    }
  `,
  [keyFields],
);

/** Newest first; those in force before those that ended. */
export const keysQuery = (environmentId: string) =>
  queryOptions({
    queryKey: ["environment", environmentId, "keys"],
    queryFn: async () => {
      const all: ApiKey[] = [];
      let after: string | null = null;
      do {
        const { apiKeys }: ResultOf<typeof KEYS> = await ask(KEYS, { environmentId, after });
        all.push(...apiKeys.nodes);
        after = apiKeys.pageInfo.hasNextPage ? (apiKeys.pageInfo.endCursor ?? null) : null;
      } while (after !== null);
      return sortKeys(all);
    },
  });

/** Whether a key is accepted now. */
export function inForce(key: Pick<ApiKey, "revokedAt" | "expiresAt">, now: number = Date.now()): boolean {
  return !key.revokedAt && (!key.expiresAt || Date.parse(key.expiresAt) > now);
}

export function sortKeys(keys: ApiKey[], now: number = Date.now()): ApiKey[] {
  const rank = (key: ApiKey) => (inForce(key, now) ? (key.default ? 0 : 1) : 2);
  return keys.toSorted((a, b) => rank(a) - rank(b) || Date.parse(b.createdAt) - Date.parse(a.createdAt));
}

const CREATE = graphql(`
  mutation CreateApiKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
      apiKey {
        id
        name
      }
      secret
    }
  }
`);

const ROTATE = graphql(`
  mutation RotateApiKeys($input: RotateApiKeysInput!) {
    rotateApiKeys(input: $input) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
      keys {
        publishable
        secret
      }
      others {
        id
        name
        prefix
        kind
      }
    }
  }
`);

const REVOKE = graphql(`
  mutation RevokeApiKey($keyId: String!) {
    revokeApiKey(input: { keyId: $keyId }) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
    }
  }
`);

export const createApiKey = (input: VariablesOf<typeof CREATE>["input"]) => change(CREATE, { input });

export const rotateApiKeys = (input: VariablesOf<typeof ROTATE>["input"]) => change(ROTATE, { input });

export const revokeApiKey = (keyId: string) => change(REVOKE, { keyId });
