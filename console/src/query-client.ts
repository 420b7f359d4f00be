import { QueryClient } from "@tanstack/react-query";

import { toApiError } from "./api/error";

const TRIES = 2;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What was refused stays refused; what did not answer may answer the next time.
      retry: (count, error) => count < TRIES && toApiError(error).code === "server/unreachable",
    },
    mutations: {
      // Answers of mutations carry secrets: they are dropped with the component that shows them.
      gcTime: 0,
    },
  },
});
