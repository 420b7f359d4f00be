import { useMutation, useQueryClient } from "@tanstack/react-query";

import { usePlace } from "@/shell/place";

/** A change of one of the project's environments: everything known of the project is read again before `done` is called. */
export function useEnvironmentChange<T>(change: () => Promise<T>, done: (result: T) => void | Promise<void>) {
  const client = useQueryClient();
  const { project } = usePlace();
  return useMutation({
    mutationFn: change,
    onSuccess: async (result) => {
      await done(result);
      await client.invalidateQueries({ queryKey: ["project", project.id] });
    },
  });
}
