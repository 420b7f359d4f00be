import { queryOptions } from "@tanstack/react-query";

import { ApiError } from "./error";
import { http, setCsrfToken } from "./http";

export type Session = {
  viewer: { id: string; email: string; name: string; instanceOwner: boolean };
  csrfToken: string;
  authenticatedAt: string;
  expiresAt: string;
};

/** What a link with a one-time token is for. */
export type Link = {
  kind: "setup" | "invitation" | "password";
  email: string | null;
  name: string | null;
  organization: string | null;
  role: string | null;
  invitedBy: string | null;
  expiresAt: string | null;
};

/** The session of this browser; null without one. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async (): Promise<Session | null> => {
    try {
      return keep(await http<Session>("GET", "/session"));
    } catch (error) {
      if (error instanceof ApiError && error.code === "session/required") return null;
      throw error;
    }
  },
  staleTime: Infinity,
});

export async function signIn(email: string, password: string): Promise<Session> {
  return keep(await http<Session>("POST", "/session", { email, password }));
}

export async function signOut(): Promise<void> {
  await http<void>("DELETE", "/session");
  setCsrfToken(null);
}

export function readLink(token: string): Promise<Link> {
  return http<Link>("POST", "/session/link", { token });
}

/** Makes the first owner; the link ends with it. */
export async function setUp(input: { token: string; email: string; name: string; password: string }): Promise<Session> {
  return keep(await http<Session>("POST", "/session/setup", input));
}

export async function acceptInvitation(input: {
  token: string;
  name?: string | undefined;
  password: string;
}): Promise<Session> {
  return keep(await http<Session>("POST", "/session/invitation", input));
}

export async function setPassword(input: { token: string; password: string }): Promise<Session> {
  return keep(await http<Session>("POST", "/session/password", input));
}

/** Re-authentication. */
export async function giveAgain(password: string): Promise<Session> {
  return keep(await http<Session>("POST", "/session/confirm", { password }));
}

/** After another tab has signed in: this one goes on in that session, and begins anew if it is another person's. */
export async function followSession(): Promise<void> {
  const before = viewerId;
  keep(await http<Session>("GET", "/session"));
  if (before !== null && before !== viewerId) window.location.reload();
}

/** Whose session this tab believes to be in. */
let viewerId: string | null = null;

function keep(session: Session): Session {
  setCsrfToken(session.csrfToken);
  viewerId = session.viewer.id;
  return session;
}
