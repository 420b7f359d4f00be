import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { toApiError } from "@/api/error";
import { classNames } from "@/lib/class-names";

import { Button } from "./button";

const NOTICES = {
  info: { look: "border-line bg-sunken", icon: <Info className="text-faint" /> },
  warning: { look: "border-warning-line bg-warning-wash", icon: <TriangleAlert className="text-warning" /> },
  danger: { look: "border-danger-line bg-danger-wash", icon: <CircleAlert className="text-danger" /> },
};

type NoticeProps = { tone?: keyof typeof NOTICES; title?: ReactNode; children?: ReactNode; alert?: boolean };

/** Something worth a pause. */
export function Notice({ tone = "info", title, children, alert = false }: NoticeProps) {
  const { look, icon } = NOTICES[tone];
  return (
    <div
      role={alert ? "alert" : undefined}
      className={classNames("flex gap-2.5 rounded-lg border p-3 [&>svg]:mt-0.75 [&>svg]:size-4 [&>svg]:shrink-0", look)}
    >
      {icon}
      <div className="min-w-0 flex-1 break-words">
        {title !== undefined && <p className="font-medium">{title}</p>}
        {children !== undefined && <div className="text-soft">{children}</div>}
      </div>
    </div>
  );
}

/** What the server refused: what happened, what to do next, and the code one can search for. */
export function ErrorNotice({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null;
  const { message, hint, details, code, requestId } = toApiError(error);
  return (
    <Notice tone="danger" title={message} alert>
      {details !== null && <p>{details}</p>}
      {hint !== null && <p>{hint}</p>}
      <p className="mt-1 font-mono text-xs text-soft">
        {code}
        {requestId !== null && ` · request ${requestId}`}
      </p>
    </Notice>
  );
}

/** In place of something that could not be loaded. */
export function LoadError({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return (
    <div className="flex flex-col items-start gap-3">
      <ErrorNotice error={error} />
      <Button onClick={onRetry}>Try again</Button>
    </div>
  );
}

type EmptyProps = { icon?: ReactNode; title: string; children?: ReactNode; action?: ReactNode };

/** In place of a list with nothing in it. */
export function Empty({ icon, title, children, action }: EmptyProps) {
  return (
    <div className="flex flex-col items-center rounded-xl border border-dashed border-line-strong px-6 py-12 text-center">
      {icon !== undefined && <div className="mb-3 text-faint [&>svg]:size-7">{icon}</div>}
      <p className="font-medium">{title}</p>
      {children !== undefined && <p className="mt-1 max-w-prose text-soft">{children}</p>}
      {action !== undefined && <div className="mt-5">{action}</div>}
    </div>
  );
}

/** Stands where something will be. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden="true" className={classNames("animate-breathe rounded-md bg-line", className)} />;
}

/** Rows of a list that is still on its way. */
export function SkeletonRows({ rows = 4, className }: { rows?: number; className?: string }) {
  return (
    <div role="status" className="grid grid-cols-1 gap-3">
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} className={className ?? "h-12"} />
      ))}
    </div>
  );
}
