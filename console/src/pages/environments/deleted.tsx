import { useQuery } from "@tanstack/react-query";
import { Undo2 } from "lucide-react";

import { deletedQuery, restoreEnvironment, type Environment } from "@/api/environments";
import { mayDelete } from "@/lib/role";
import { absolute } from "@/lib/time";
import { useDialogs } from "@/shell/dialogs";
import { usePlace } from "@/shell/place";
import { TypeBadge, TypeDot } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Section } from "@/ui/page";
import { ErrorNotice } from "@/ui/state";
import { Time } from "@/ui/time";

import { useEnvironmentChange } from "./changed";

/** Those whose delete can still be undone, and until when. */
export function DeletedEnvironments() {
  const { project } = usePlace();
  const deleted = useQuery(deletedQuery(project.id));
  if (!deleted.data || deleted.data.length === 0) return null;
  return (
    <Section
      title="Deleted"
      lead="Their bytes are still there. Restoring brings everything back but the keys: new ones come with it."
    >
      <ul className="divide-y divide-line rounded-xl border border-line bg-surface">
        {deleted.data.map((environment) => (
          <Row key={environment.id} environment={environment} />
        ))}
      </ul>
    </Section>
  );
}

function Row({ environment }: { environment: Environment }) {
  const { role } = usePlace();
  const dialogs = useDialogs();
  const restore = useEnvironmentChange(
    () => restoreEnvironment(environment.id),
    ({ environment: after, keys }) => {
      if (keys && after) dialogs.showKeys({ title: `New keys of ${after.name}`, environment: after, ...keys });
    },
  );
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <TypeDot type={environment.type} hollow />
        <span className="font-medium">{environment.name}</span>
        <TypeBadge type={environment.type} />
        <span className="min-w-0 flex-1 text-sm text-faint">
          deleted <Time at={environment.deletedAt} />
          {environment.eraseAt && <>, erased on {absolute(environment.eraseAt)}</>}
        </span>
        {mayDelete(role, environment) && (
          <Button size="small" busy={restore.isPending} onClick={() => restore.mutate()}>
            <Undo2 className="size-3.5" />
            Restore <span className="sr-only">{environment.name}</span>
          </Button>
        )}
      </div>
      {restore.isError && (
        <div className="mt-3">
          <ErrorNotice error={restore.error} />
        </div>
      )}
    </li>
  );
}
