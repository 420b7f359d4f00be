import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { GitBranch } from "lucide-react";

import { inForce, keysQuery } from "@/api/keys";
import { asType } from "@/lib/environment-type";
import { atLeast } from "@/lib/role";
import { EnvironmentMenu } from "@/pages/environments/environment-menu";
import { Facts } from "@/pages/environments/facts";
import { Labels } from "@/pages/environments/labels";
import { curlExample } from "@/pages/keys/curl";
import { useDialogs } from "@/shell/dialogs";
import { usePlace } from "@/shell/place";
import { StatusBadge, TypeBadge, TypeDot } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Section, useTitle } from "@/ui/page";
import { LoadError, Notice, Skeleton } from "@/ui/state";

/** The environment one is in. */
export function OverviewPage() {
  const { project, environment, environments, role } = usePlace();
  const dialogs = useDialogs();
  useTitle(`${environment.name} · ${project.name}`);
  return (
    <div className={`env-${asType(environment.type)}`}>
      <header className="mb-6 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 className="flex min-w-0 items-center gap-3 text-2xl">
            <span aria-hidden="true" className="h-7 w-1.25 shrink-0 rounded-full bg-(--env)" />
            <span className="truncate">{environment.name}</span>
          </h1>
          <div className="mt-2.5 flex flex-wrap gap-1.5">
            <TypeBadge type={environment.type} />
            <StatusBadge status={environment.status} />
            <Labels environment={environment} root={environments[0]?.id === environment.id} />
          </div>
        </div>
        <div className="flex items-center gap-2">
          {atLeast(role, "developer") && environment.status === "active" && (
            <Button onClick={() => dialogs.createEnvironment(project, environment.name)}>
              <GitBranch className="size-4" />
              Branch from here
            </Button>
          )}
          <EnvironmentMenu environment={environment} />
        </div>
      </header>
      {environment.status === "paused" && (
        <div className="mb-6">
          <Notice tone="warning" title="Paused">
            Requests with its keys answer 503 until it is resumed.
          </Notice>
        </div>
      )}
      <Facts
        environment={environment}
        className="grid grid-cols-2 gap-x-6 gap-y-4 rounded-xl border border-line bg-surface px-5 py-5 shadow-card sm:grid-cols-3"
      />
      <Connect />
      <Branches />
    </div>
  );
}

function Connect() {
  const { project, environment } = usePlace();
  const keys = useQuery(keysQuery(environment.id));
  const publishable = keys.data?.find((key) => key.default && key.publishable && inForce(key))?.publishable ?? null;
  const link = (
    <Link
      to="/p/$project/e/$environment/keys"
      params={{ project: project.name, environment: environment.name }}
      className="text-sm font-medium text-accent underline-offset-4 hover:underline"
    >
      All keys
    </Link>
  );
  return (
    <Section title="Connect" lead="The key alone chooses the environment." actions={link}>
      {keys.isPending && <Skeleton className="h-24" />}
      {keys.isError && <LoadError error={keys.error} onRetry={() => void keys.refetch()} />}
      {keys.data && publishable !== null && (
        <Command label={`A request to ${environment.name}`} text={curlExample(publishable)} />
      )}
      {keys.data && publishable === null && (
        <Notice title="It has no default pair in force">Rotate its keys to make one.</Notice>
      )}
    </Section>
  );
}

function Branches() {
  const { project, environment, environments } = usePlace();
  const branches = environments.filter(({ parentId }) => parentId === environment.id);
  if (branches.length === 0) return null;
  return (
    <Section title="Branches">
      <ul className="divide-y divide-line rounded-xl border border-line bg-surface shadow-card">
        {branches.map((branch) => (
          <li key={branch.id}>
            <Link
              to="/p/$project/e/$environment"
              params={{ project: project.name, environment: branch.name }}
              className="flex items-center gap-3 rounded-xl px-4 py-3 transition-colors -outline-offset-2! hover:bg-hover"
            >
              <TypeDot type={branch.type} hollow={branch.status !== "active"} />
              <span className="min-w-0 truncate font-medium">{branch.name}</span>
              <TypeBadge type={branch.type} />
              <span className="ml-auto text-sm text-faint">{branch.branchMode}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Section>
  );
}
