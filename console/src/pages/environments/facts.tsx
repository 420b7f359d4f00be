import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { Environment } from "@/api/environments";
import { absolute, relative } from "@/lib/time";
import { usePlace } from "@/shell/place";
import { CopyButton } from "@/ui/copy";
import { Time } from "@/ui/time";

/** Every field of an environment. */
export function Facts({ environment, className }: { environment: Environment; className: string }) {
  const { project, environments } = usePlace();
  const parent = environments.find(({ id }) => id === environment.parentId);
  return (
    <dl className={className}>
      <Fact term="Provider">{environment.provider}</Fact>
      <Fact term="Region">{environment.region}</Fact>
      {environment.cluster !== null && <Fact term="Cluster">{environment.cluster}</Fact>}
      <Fact term="Parent">
        {parent ? (
          <Link
            to="/p/$project/e/$environment"
            params={{ project: project.name, environment: parent.name }}
            className="underline decoration-line-strong underline-offset-3 hover:decoration-current"
          >
            {parent.name}
          </Link>
        ) : environment.parentName !== null ? (
          `${environment.parentName} (deleted)`
        ) : (
          <None>none</None>
        )}
      </Fact>
      {environment.branchMode !== null && (
        <Fact term="Branch mode">
          {environment.branchMode}{" "}
          <None>· {environment.branchMode === "full" ? "schema and data" : "schema alone"}</None>
        </Fact>
      )}
      {environment.branchedAt !== null && (
        <Fact term="Branched at">
          <time dateTime={environment.branchedAt}>{absolute(environment.branchedAt)}</time>
        </Fact>
      )}
      <Fact term="Lease">
        {environment.expiresAt === null ? (
          <None>none, lives until deleted</None>
        ) : (
          <>
            ends <Time at={environment.expiresAt} />
          </>
        )}
      </Fact>
      <Fact term="Created">
        <time dateTime={environment.createdAt} title={relative(environment.createdAt)}>
          {absolute(environment.createdAt)}
        </time>
      </Fact>
      <Fact term="Changed">
        <Time at={environment.updatedAt} />
      </Fact>
      <Fact term="Id" whole>
        <span className="flex items-center gap-1">
          <code className="min-w-0 truncate font-mono">{environment.id}</code>
          <CopyButton text={environment.id} label={`Copy the id of ${environment.name}`} className="-my-1" />
        </span>
      </Fact>
    </dl>
  );
}

function Fact({ term, children, whole = false }: { term: string; children: ReactNode; whole?: boolean }) {
  return (
    <div className={whole ? "col-span-full min-w-0" : "min-w-0"}>
      <dt className="text-xs text-faint">{term}</dt>
      <dd className="text-sm break-words">{children}</dd>
    </div>
  );
}

function None({ children }: { children: ReactNode }) {
  return <span className="text-faint">{children}</span>;
}
