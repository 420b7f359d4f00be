import { Link } from "@tanstack/react-router";

import type { Environment } from "@/api/environments";
import { classNames } from "@/lib/class-names";
import { treeRows, type Row } from "@/lib/tree";
import { usePlace } from "@/shell/place";
import { StatusBadge, TypeBadge, TypeDot } from "@/ui/badge";
import { Time } from "@/ui/time";

import { EnvironmentMenu } from "./environment-menu";
import { Labels } from "./labels";

/** Who was branched from whom. */
export function EnvironmentTree() {
  const { environments } = usePlace();
  return (
    <ul className="rounded-xl border border-line bg-surface px-2 py-2 shadow-card sm:px-4">
      {treeRows(environments).map((row) => (
        <TreeRow key={row.item.id} row={row} />
      ))}
    </ul>
  );
}

function TreeRow({ row: { item, depth, lines } }: { row: Row<Environment> }) {
  const { project, environment: selected, environments } = usePlace();
  return (
    <li className="flex items-stretch">
      {lines.map((goesOn, level) => (
        <Branch key={level} goesOn={goesOn} own={level === lines.length - 1} />
      ))}
      <div
        className={classNames(
          "my-0.5 flex min-w-0 flex-1 flex-wrap items-center gap-x-2.5 gap-y-1.5 rounded-lg px-2 py-2",
          item.id === selected.id && "bg-accent-wash",
        )}
      >
        <TypeDot type={item.type} hollow={item.status !== "active"} className="size-3" />
        <Link
          to="/p/$project/e/$environment"
          params={{ project: project.name, environment: item.name }}
          className="min-w-0 truncate font-medium underline-offset-4 hover:underline"
        >
          {item.name}
        </Link>
        <span className="sr-only">{depth === 0 ? "at the top" : `branched from ${item.parentName}`}</span>
        <TypeBadge type={item.type} />
        {item.status !== "active" && <StatusBadge status={item.status} />}
        <Labels environment={item} root={environments[0]?.id === item.id} />
        <span className="ml-auto hidden text-sm text-soft md:inline">
          {item.branchMode === null ? "created " : `${item.branchMode} branch, `}
          <Time at={item.branchedAt ?? item.createdAt} />
        </span>
      </div>
      <div className="flex items-center">
        <EnvironmentMenu environment={item} />
      </div>
    </li>
  );
}

/** The line from a parent down to its children; the item's own turns towards it. */
function Branch({ goesOn, own }: { goesOn: boolean; own: boolean }) {
  return (
    <span aria-hidden="true" className="relative w-5 shrink-0 sm:w-7">
      {(goesOn || own) && (
        <span className={classNames("absolute top-0 left-1/2 w-px bg-line-strong", goesOn ? "bottom-0" : "h-1/2")} />
      )}
      {own && <span className="absolute top-1/2 right-0 left-1/2 h-px bg-line-strong" />}
    </span>
  );
}
