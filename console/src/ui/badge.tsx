import type { ReactNode } from "react";

import { classNames } from "@/lib/class-names";
import { asType } from "@/lib/environment-type";

const TONES = {
  neutral: "border-line bg-sunken text-soft",
  good: "border-accent-line bg-accent-wash text-accent",
  warning: "border-warning-line bg-warning-wash text-warning",
  danger: "border-danger-line bg-danger-wash text-danger",
};

type Props = { tone?: keyof typeof TONES; children: ReactNode; className?: string };

export function Badge({ tone = "neutral", children, className }: Props) {
  return (
    <span
      className={classNames(
        "inline-flex h-5.5 items-center gap-1 rounded-full border px-2 text-xs font-medium whitespace-nowrap [&>svg]:size-3",
        TONES[tone],
        className,
      )}
    >
      {children}
    </span>
  );
}

/** The environment's type, in its colour. */
export function TypeBadge({ type }: { type: string }) {
  return (
    <span
      className={classNames(
        `env-${asType(type)}`,
        "inline-flex h-5.5 items-center rounded-sm border border-(--env)/30 bg-(--env)/10 px-1.5 font-mono text-xs font-medium text-(--env)",
      )}
    >
      {type}
    </span>
  );
}

/** A dot in the colour of the type: full when active, hollow when not. */
export function TypeDot({ type, hollow = false, className }: { type: string; hollow?: boolean; className?: string }) {
  return (
    <span
      aria-hidden="true"
      className={classNames(
        `env-${asType(type)}`,
        "size-2.5 shrink-0 rounded-full border-2 border-(--env)",
        !hollow && "bg-(--env)",
        className,
      )}
    />
  );
}

const STATUS_TONES: Record<string, keyof typeof TONES> = {
  active: "good",
  creating: "neutral",
  deleting: "neutral",
  paused: "warning",
  failed: "danger",
  stuck: "danger",
};

export function StatusBadge({ status }: { status: string }) {
  const moving = status === "creating" || status === "deleting";
  return (
    <Badge tone={STATUS_TONES[status] ?? "neutral"}>
      <span
        aria-hidden="true"
        className={classNames("size-1.5 rounded-full bg-current", moving && "animate-breathe")}
      />
      {status}
    </Badge>
  );
}
