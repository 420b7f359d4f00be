import { useSyncExternalStore } from "react";

import { ApiError } from "./error";

/** A call that waits for the person to give their password again. */
export type Confirmation = { given: () => void; refused: () => void };

let waiting: Confirmation[] = [];
const listeners = new Set<() => void>();

function tell(next: Confirmation[]): void {
  waiting = next;
  for (const listener of listeners) listener();
}

/** Ends when the password was given; fails when the dialog was left. */
export function confirmPassword(): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = new ApiError("session/not-confirmed", "Nothing was done: the password was not given.");
    tell([...waiting, { given: resolve, refused: () => reject(cancelled) }]);
  });
}

/** All that waits; one password answers for all of it. */
export function useWaitingConfirmations(): Confirmation[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => waiting,
  );
}

export function settleConfirmations(how: keyof Confirmation): void {
  const settled = waiting;
  tell([]);
  for (const confirmation of settled) confirmation[how]();
}
