import { Link } from "@tanstack/react-router";

import type { Environment } from "@/api/environments";
import { classNames } from "@/lib/class-names";
import { asType } from "@/lib/environment-type";
import { usePlace } from "@/shell/place";
import { StatusBadge, TypeBadge } from "@/ui/badge";

import { EnvironmentMenu } from "./environment-menu";
import { Facts } from "./facts";
import { Labels } from "./labels";

export function EnvironmentCard({ environment }: { environment: Environment }) {
  const { project, environment: selected, environments } = usePlace();
  const here = environment.id === selected.id;
  return (
    <article
      aria-label={environment.name}
      className={classNames(
        `env-${asType(environment.type)}`,
        "relative flex flex-col rounded-xl border bg-surface shadow-card",
        here ? "border-(--env)" : "border-line",
      )}
    >
      <header className="flex items-start gap-3 border-b border-line px-4 pt-4 pb-3">
        <div className="min-w-0 flex-1">
          <div className="flex min-w-0 items-center gap-2.5">
            <span aria-hidden="true" className="h-5 w-1 shrink-0 rounded-full bg-(--env)" />
            <h2 className="truncate text-lg">
              <Link
                to="/p/$project/e/$environment"
                params={{ project: project.name, environment: environment.name }}
                className="rounded-sm underline-offset-4 hover:underline"
              >
                {environment.name}
              </Link>
            </h2>
            <TypeBadge type={environment.type} />
          </div>
          <div className="mt-2 flex flex-wrap gap-1.5">
            <StatusBadge status={environment.status} />
            <Labels environment={environment} root={environments[0]?.id === environment.id} />
          </div>
        </div>
        <div className="-mt-1 -mr-1.5">
          <EnvironmentMenu environment={environment} />
        </div>
      </header>
      <Facts environment={environment} className="grid grid-cols-2 gap-x-4 gap-y-3 px-4 py-4" />
    </article>
  );
}
