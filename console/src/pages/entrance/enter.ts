import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";

import { sessionQuery, type Session } from "@/api/session";
import { forgetLinkToken } from "@/lib/link-token";

/** Gets a session in some way, forgets what another person saw in this browser, and goes in. */
export function useEnter(begin: () => Promise<Session>, to: string = "/") {
  const client = useQueryClient();
  const router = useRouter();
  return useMutation({
    mutationFn: begin,
    onSuccess: (session) => {
      client.clear();
      client.setQueryData(sessionQuery.queryKey, session);
      router.history.push(to);
      forgetLinkToken();
    },
  });
}
