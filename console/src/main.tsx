// First: a link's token leaves the address bar before anything else looks at it.
import "./lib/link-token";
import "./styles.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { setOnSessionEnd } from "./api/http";
import { sessionQuery } from "./api/session";
import { queryClient } from "./query-client";
import { router } from "./router";

// Wherever the session is found to have ended, one signs in and comes back to where one was.
setOnSessionEnd(() => {
  const to = router.state.location.href;
  queryClient.clear();
  queryClient.setQueryData(sessionQuery.queryKey, null);
  void router.navigate({ to: "/sign-in", search: { to, ended: true }, replace: true });
});

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
