import { useSyncExternalStore } from "react";

/** Pages that are reached by a link with a one-time token in its fragment. */
const PAGES = ["/setup", "/invitation", "/password"];

let token: string | null = null;
const listeners = new Set<() => void>();

/** Takes the token out of the address bar, so that neither history nor a shared screen keeps it. It lives in memory alone. */
function take(): void {
  const { hash, pathname, search } = window.location;
  if (!PAGES.includes(pathname) || hash.length < 2) return;
  token = hash.slice(1);
  window.history.replaceState(window.history.state, "", pathname + search);
  for (const listener of listeners) listener();
}

// At once, before anything else of the console runs; and again when another link is pasted into the same tab.
take();
window.addEventListener("hashchange", take);

/** The link has been used: nothing needs its token any more. */
export function forgetLinkToken(): void {
  token = null;
}

/** The token of the link that was opened; null when the page was reached without one. */
export function useLinkToken(): string | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => token,
  );
}
