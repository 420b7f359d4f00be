import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { History } from "lucide-react";

import { operationError, operationsQuery, type Operation } from "@/api/operations";
import { auditPage, type AuditEntry } from "@/api/projects";
import { absolute, duration } from "@/lib/time";
import { Steps } from "@/pages/environments/steps";
import { usePlace } from "@/shell/place";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Page, Section } from "@/ui/page";
import { Empty, LoadError, SkeletonRows } from "@/ui/state";
import { Time } from "@/ui/time";

/** Who changed what in the project, and the operations that did the work. */
export function ActivityPage() {
  const { project } = usePlace();
  return (
    <Page title="Activity" lead={`What was done in ${project.name}, newest first.`}>
      <Operations />
      <Audit />
    </Page>
  );
}

const KIND: Record<string, string> = {
  createEnvironment: "Create",
  branchEnvironment: "Branch",
  deleteEnvironment: "Delete",
};

const TONE: Record<string, "good" | "neutral" | "warning" | "danger"> = {
  running: "neutral",
  done: "good",
  rolledBack: "warning",
  stuck: "danger",
};

const STATUS: Record<string, string> = { rolledBack: "rolled back" };

function Operations() {
  const { project, environments } = usePlace();
  const operations = useQuery(operationsQuery(project.id));
  const nameOf = (operation: Operation) =>
    environments.find(({ id }) => id === operation.environmentId)?.name ?? "an environment that is gone";
  return (
    <Section title="Operations">
      {operations.isPending && <SkeletonRows />}
      {operations.isError && <LoadError error={operations.error} onRetry={() => void operations.refetch()} />}
      {operations.data?.length === 0 && <Empty icon={<History />} title="Nothing was done yet" />}
      {operations.data && operations.data.length > 0 && (
        <ul className="divide-y divide-line overflow-hidden rounded-xl border border-line bg-surface shadow-card">
          {operations.data.map((operation) => (
            <li key={operation.id}>
              <details>
                <summary className="flex list-none flex-wrap items-center gap-x-3 gap-y-1 px-4 py-3 transition-colors -outline-offset-2! hover:bg-hover">
                  <span className="font-medium">{KIND[operation.kind] ?? operation.kind}</span>
                  <span className="min-w-0 truncate text-soft">{nameOf(operation)}</span>
                  <Badge tone={TONE[operation.status] ?? "neutral"}>
                    {STATUS[operation.status] ?? operation.status}
                  </Badge>
                  <span className="ml-auto text-sm text-faint">
                    {duration(operation.durationMs)} · <Time at={operation.createdAt} />
                  </span>
                </summary>
                <div className="border-t border-line bg-sunken px-4 py-3">
                  <Steps operation={operation} />
                  {operationError(operation) !== null && (
                    <p className="mt-2 text-danger">{operationError(operation)}</p>
                  )}
                </div>
              </details>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Audit() {
  const { project } = usePlace();
  const audit = useInfiniteQuery({
    queryKey: ["project", project.id, "audit"],
    queryFn: async ({ pageParam }) => (await auditPage(project.id, pageParam)).auditLog,
    initialPageParam: null as string | null,
    getNextPageParam: ({ pageInfo }) => (pageInfo.hasNextPage ? pageInfo.endCursor : undefined),
  });
  const entries = audit.data?.pages.flatMap(({ nodes }) => nodes) ?? [];
  return (
    <Section title="Audit log">
      {audit.isPending && <SkeletonRows rows={6} className="h-10" />}
      {audit.isError && <LoadError error={audit.error} onRetry={() => void audit.refetch()} />}
      {entries.length > 0 && (
        <ul className="divide-y divide-line overflow-hidden rounded-xl border border-line bg-surface shadow-card">
          {entries.map((entry) => (
            <AuditRow key={entry.id} entry={entry} />
          ))}
        </ul>
      )}
      {audit.hasNextPage && (
        <Button className="mt-4" busy={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
          Show older
        </Button>
      )}
    </Section>
  );
}

function AuditRow({ entry }: { entry: AuditEntry }) {
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5 px-4 py-2.5">
      <code className="font-mono text-sm">{entry.action}</code>
      <span className="min-w-0 font-medium break-all">{entry.target}</span>
      <span className="ml-auto text-sm text-faint">
        {entry.actor} · <time dateTime={entry.at}>{absolute(entry.at)}</time>
      </span>
    </li>
  );
}
