import { useQuery } from "@tanstack/react-query";
import { Link as RouterLink } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { toApiError } from "@/api/error";
import { readLink, type Link } from "@/api/session";
import { useLinkToken } from "@/lib/link-token";
import { Button } from "@/ui/button";
import { LoadError, Notice, SkeletonRows } from "@/ui/state";

import { Entrance } from "./layout";

type Props = {
  kind: Link["kind"];
  title: string;
  /** What to do without a valid link. */
  otherwise: string;
  children: (token: string, link: Link) => ReactNode;
};

/** Shows a page only to whoever came by a link that is still valid. */
export function LinkGate({ kind, title, otherwise, children }: Props) {
  const token = useLinkToken();
  const link = useQuery({
    queryKey: ["link", token],
    queryFn: () => readLink(token ?? ""),
    enabled: token !== null,
    // The token is a secret: nothing of it stays behind.
    gcTime: 0,
    staleTime: Infinity,
  });
  if (token !== null && link.isPending) {
    return (
      <Entrance title={title}>
        <SkeletonRows rows={3} />
      </Entrance>
    );
  }
  if (token !== null && link.isError && toApiError(link.error).code !== "link/invalid") {
    return (
      <Entrance title={title}>
        <LoadError error={link.error} onRetry={() => void link.refetch()} />
      </Entrance>
    );
  }
  if (token === null || link.data?.kind !== kind) {
    return (
      <Entrance title={title}>
        <div className="grid grid-cols-1 gap-5">
          <Notice
            tone="warning"
            title={token === null ? "This page is opened by a link" : "This link is no longer valid"}
            alert
          >
            {otherwise}
          </Notice>
          <Button asChild>
            <RouterLink to="/sign-in">To the sign-in</RouterLink>
          </Button>
        </div>
      </Entrance>
    );
  }
  return children(token, link.data);
}
