import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { MonitorSmartphone } from "lucide-react";
import { toast } from "sonner";

import { revokeSession, sessionsQuery, type BrowserSession } from "@/api/account";
import { toApiError } from "@/api/error";
import { describeBrowser } from "@/lib/browser";
import { absolute } from "@/lib/time";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Page } from "@/ui/page";
import { Empty, LoadError, SkeletonRows } from "@/ui/state";
import { Time } from "@/ui/time";

export function SessionsPage() {
  const sessions = useQuery(sessionsQuery);
  return (
    <Page title="Sessions" lead="Where you are signed in. End those you do not know, and change your password then.">
      {sessions.isPending && <SkeletonRows />}
      {sessions.isError && <LoadError error={sessions.error} onRetry={() => void sessions.refetch()} />}
      {sessions.data?.length === 0 && <Empty icon={<MonitorSmartphone />} title="No sessions" />}
      {sessions.data && sessions.data.length > 0 && (
        <ul className="divide-y divide-line rounded-xl border border-line bg-surface shadow-card">
          {sessions.data.map((session) => (
            <Row key={session.id} session={session} />
          ))}
        </ul>
      )}
    </Page>
  );
}

function Row({ session }: { session: BrowserSession }) {
  const client = useQueryClient();
  const browser = describeBrowser(session.userAgent ?? "");
  const end = useMutation({
    mutationFn: () => revokeSession(session.id),
    onSuccess: async () => {
      toast.success("The session has ended.");
      await client.invalidateQueries({ queryKey: sessionsQuery.queryKey });
    },
    onError: (error) => toast.error(toApiError(error).message),
  });
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-2 font-medium">
          {browser}
          {session.current && <Badge tone="good">this one</Badge>}
        </p>
        <p className="text-sm text-faint">
          {session.address ?? "unknown address"} · last seen <Time at={session.lastSeenAt} /> · signed in{" "}
          {absolute(session.createdAt)} · ends {absolute(session.expiresAt)}
        </p>
      </div>
      {!session.current && (
        <Button size="small" busy={end.isPending} onClick={() => end.mutate()}>
          End <span className="sr-only">the session of {browser}</span>
        </Button>
      )}
    </li>
  );
}
