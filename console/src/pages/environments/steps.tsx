import { Check, Circle, Undo2, X } from "lucide-react";

import type { Operation, Step } from "@/api/operations";
import { classNames } from "@/lib/class-names";
import { between, duration } from "@/lib/time";
import { Spinner } from "@/ui/button";

const WORD: Record<string, string> = {
  pending: "to do",
  running: "under way",
  done: "done",
  failed: "failed",
  undone: "undone",
};

/** The steps of an operation as they go, with how long each took. */
export function Steps({ operation }: { operation: Operation }) {
  return (
    <ol aria-label="Steps" className="grid">
      {operation.steps.map((step, index) => (
        <li
          key={step.name}
          className="relative flex items-center gap-3 py-1.5"
          data-step={step.name}
          data-status={step.status}
        >
          {index < operation.steps.length - 1 && (
            <span aria-hidden="true" className="absolute top-1/2 left-2.75 h-full w-px bg-line-strong" />
          )}
          <StepIcon status={step.status} />
          <span className={classNames("min-w-0 flex-1", step.status === "pending" && "text-faint")}>{step.title}</span>
          <span className="sr-only">{WORD[step.status] ?? step.status}</span>
          <span className="font-mono text-sm text-faint">{took(step)}</span>
        </li>
      ))}
    </ol>
  );
}

function took(step: Step): string {
  if (step.status === "undone") return "undone";
  if (!step.startedAt || step.status === "pending") return "";
  return duration(between(step.startedAt, step.finishedAt ?? null));
}

function StepIcon({ status }: { status: string }) {
  const around = "relative flex size-5.5 shrink-0 items-center justify-center rounded-full border [&>svg]:size-3";
  switch (status) {
    case "done":
      return (
        <span className={classNames(around, "border-accent bg-accent text-on-accent")}>
          <Check strokeWidth={3} aria-hidden="true" />
        </span>
      );
    case "running":
      return (
        <span className={classNames(around, "border-accent bg-raised text-accent")}>
          <Spinner />
        </span>
      );
    case "failed":
      return (
        <span className={classNames(around, "border-danger-solid bg-danger-solid text-white")}>
          <X strokeWidth={3} aria-hidden="true" />
        </span>
      );
    case "undone":
      return (
        <span className={classNames(around, "border-warning-line bg-warning-wash text-warning")}>
          <Undo2 aria-hidden="true" />
        </span>
      );
    default:
      return (
        <span className={classNames(around, "border-line-strong bg-raised text-line-strong")}>
          <Circle className="fill-current" aria-hidden="true" />
        </span>
      );
  }
}
