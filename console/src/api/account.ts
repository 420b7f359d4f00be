import { queryOptions } from "@tanstack/react-query";

import { ask, change } from "./client";
import { graphql, type ResultOf, type VariablesOf } from "./graphql";

const SESSIONS = graphql(`
  query Sessions {
    sessions {
      id
      userAgent
      address
      createdAt
      lastSeenAt
      expiresAt
      current
    }
  }
`);

export type BrowserSession = ResultOf<typeof SESSIONS>["sessions"][number];

export const sessionsQuery = queryOptions({
  queryKey: ["account", "sessions"],
  queryFn: async () => (await ask(SESSIONS, {})).sessions,
});

const TOKENS = graphql(`
  query AccessTokens {
    accessTokens {
      id
      memberEmail
      prefix
      name
      createdAt
      lastUsedAt
      expiresAt
      revokedAt
    }
  }
`);

export type AccessToken = ResultOf<typeof TOKENS>["accessTokens"][number];

export const tokensQuery = queryOptions({
  queryKey: ["account", "tokens"],
  queryFn: async () => (await ask(TOKENS, {})).accessTokens,
});

const CREATE_TOKEN = graphql(`
  mutation CreateAccessToken($input: CreateAccessTokenInput!) {
    createAccessToken(input: $input) {
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
      token
    }
  }
`);

export const createAccessToken = (input: VariablesOf<typeof CREATE_TOKEN>["input"]) => change(CREATE_TOKEN, { input });

const REVOKE_TOKEN = graphql(`
  mutation RevokeAccessToken($tokenId: String!) {
    revokeAccessToken(input: { tokenId: $tokenId }) {
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

export const revokeAccessToken = (tokenId: string) => change(REVOKE_TOKEN, { tokenId });

const REVOKE_SESSION = graphql(`
  mutation RevokeSession($sessionId: String!) {
    revokeSession(input: { sessionId: $sessionId }) {
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

export const revokeSession = (sessionId: string) => change(REVOKE_SESSION, { sessionId });

const CHANGE_PASSWORD = graphql(`
  mutation ChangePassword($input: ChangePasswordInput!) {
    changePassword(input: $input) {
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

export const changePassword = (input: VariablesOf<typeof CHANGE_PASSWORD>["input"]) =>
  change(CHANGE_PASSWORD, { input });

const UPDATE_VIEWER = graphql(`
  mutation UpdateViewer($input: UpdateViewerInput!) {
    updateViewer(input: $input) {
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

export const updateViewer = (input: VariablesOf<typeof UPDATE_VIEWER>["input"]) => change(UPDATE_VIEWER, { input });
