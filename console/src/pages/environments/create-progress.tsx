import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { toApiError } from "@/api/error";
import { operationError, operationQuery, type Operation } from "@/api/operations";
import { duration } from "@/lib/time";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { ErrorNotice, Notice, SkeletonRows } from "@/ui/state";

import { Steps } from "./steps";
import type { Wish } from "./wish";

type Props = {
  wish: Wish;
  operationId: string;
  state: "idle" | "pending" | "success" | "error";
  error: unknown;
  hasKeys: boolean;
  onArrive: () => void;
  onBack: () => void;
  onClose: () => void;
};

/** The operation as it goes. It stays until it has ended: what comes next are keys that are shown once. */
export function CreateProgress({ wish, operationId, state, error, hasKeys, onArrive, onBack, onClose }: Props) {
  const watched = useQuery(operationQuery(operationId));
  const operation = watched.data ?? null;
  const failed = state === "error";
  // The answer may come before the last look at the steps.
  const ended = operation !== null && operation.status !== "running";
  const done = state === "success" && ended;
  return (
    <Dialog
      open
      onClose={failed ? onClose : onArrive}
      insistent={!failed}
      title={title(wish, done, failed)}
      description={wish.from === null ? "An empty environment." : `A ${wish.mode} branch of ${wish.from}.`}
      actions={
        failed ? (
          <>
            <Button onClick={onClose}>Close</Button>
            <Button look="primary" onClick={onBack}>
              Back to the form
            </Button>
          </>
        ) : (
          <Button look="primary" onClick={onArrive} disabled={!done} autoFocus>
            {hasKeys || !done ? "Show its keys" : "Go there"}
          </Button>
        )
      }
    >
      <div className="grid grid-cols-1 gap-4">
        {failed && <Failure error={error} operation={operation} />}
        {operation !== null ? <Steps operation={operation} /> : !failed && <SkeletonRows rows={5} className="h-7" />}
        {operation !== null && done && <Summary operation={operation} />}
      </div>
      <p role="status" className="sr-only">
        {operation === null ? "Beginning" : announcement(operation)}
      </p>
    </Dialog>
  );
}

function title({ name, from }: Wish, done: boolean, failed: boolean): string {
  if (failed) return `${name} was not created`;
  if (done) return `${name} is active`;
  return from === null ? `Creating ${name}` : `Branching ${name} from ${from}`;
}

function announcement(operation: Operation): string {
  const { steps, status, durationMs } = operation;
  if (status === "done") return `Done in ${duration(durationMs)}.`;
  if (status !== "running") return "It failed, and what was done has been undone.";
  const index = steps.findIndex((step) => step.status === "running");
  return index < 0 ? "Under way" : `Step ${index + 1} of ${steps.length}: ${steps[index]!.title}`;
}

/** How it was done, and what it cost. */
function Summary({ operation }: { operation: Operation }) {
  return (
    <div className="rounded-lg border border-line bg-sunken px-4 py-3">
      <dl className="grid grid-cols-2 gap-x-4 gap-y-3 sm:grid-cols-3">
        <Figure term="Took">{duration(operation.durationMs)}</Figure>
        {operation.pauseMs !== null && <Figure term="Source paused for">{duration(operation.pauseMs)}</Figure>}
        {operation.strategy !== null && <Figure term="Strategy">{operation.strategy}</Figure>}
      </dl>
      {operation.strategyReason !== null && (
        <p className="mt-3 text-sm text-soft">Chosen because {operation.strategyReason}.</p>
      )}
    </div>
  );
}

function Figure({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-faint">{term}</dt>
      <dd className="text-lg font-semibold">{children}</dd>
    </div>
  );
}

function Failure({ error, operation }: { error: unknown; operation: Operation | null }) {
  const reason = operation === null ? null : operationError(operation);
  return (
    <>
      <ErrorNotice error={error} />
      {operation?.status === "rolledBack" && (
        <Notice title="Everything that was done has been undone">
          {reason !== null && reason !== toApiError(error).message && <p>{reason}</p>}
          <p>No database, no login and no key is left over.</p>
        </Notice>
      )}
      {operation?.status === "stuck" && (
        <Notice tone="warning" title="It is stuck: undoing it failed too">
          {reason !== null && <p>{reason}</p>}
          <p>The server tries again by itself. If it stays so, the server’s log says what it needs.</p>
        </Notice>
      )}
    </>
  );
}
