import { Link, useMatches } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useEffect, useRef } from "react";

import { classNames } from "@/lib/class-names";
import { asType } from "@/lib/environment-type";
import { atLeast } from "@/lib/role";
import { TypeDot } from "@/ui/badge";

import { useDialogs } from "./dialogs";
import { usePlace } from "./place";

const PAGE = "/signed-in/p/$project/e/$environment";

/** One tab for each environment. Choosing one stays on the page one is on. */
export function EnvironmentTabs() {
  const { project, environment, environments, role } = usePlace();
  const dialogs = useDialogs();
  const page = usePage();
  const tabs = useRef<HTMLElement>(null);
  const chosen = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    const [list, tab] = [tabs.current, chosen.current];
    // By hand: scrollIntoView would also move the point from which Tab goes on.
    if (list && tab) list.scrollLeft = tab.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
  }, [environment.id]);
  return (
    <div className="mx-auto flex w-full max-w-310 items-stretch px-4 sm:px-6">
      <nav ref={tabs} aria-label="Environments" className="scroll-quiet relative -ml-2 min-w-0 overflow-x-auto">
        <ul className="flex">
          {environments.map((one) => {
            const here = one.id === environment.id;
            return (
              <li key={one.id}>
                <Link
                  ref={here ? chosen : null}
                  to={page}
                  params={{ project: project.name, environment: one.name }}
                  aria-current={here ? "true" : undefined}
                  className={classNames(
                    `env-${asType(one.type)}`,
                    "relative flex h-10 items-center gap-2 rounded-t-md px-3 font-medium whitespace-nowrap transition-colors -outline-offset-2!",
                    "after:absolute after:inset-x-2 after:bottom-0 after:h-0.5 after:rounded-full pointer-coarse:h-11",
                    here ? "text-ink after:bg-(--env)" : "text-soft hover:bg-hover hover:text-ink",
                  )}
                >
                  <TypeDot type={one.type} hollow={one.status !== "active"} className="size-2.25" />
                  <span className="max-w-48 truncate">{one.name}</span>
                  {one.status !== "active" && <span className="text-xs text-faint">{one.status}</span>}
                </Link>
              </li>
            );
          })}
        </ul>
      </nav>
      {atLeast(role, "developer") && (
        <button
          type="button"
          onClick={() => dialogs.createEnvironment(project, environment.name)}
          className="ml-1 flex shrink-0 items-center gap-1.5 rounded-t-md px-2.5 text-sm font-medium text-accent transition-colors -outline-offset-2! hover:bg-hover"
        >
          <Plus className="size-4" aria-hidden="true" />
          <span className="sr-only sm:not-sr-only">Create Environment</span>
        </button>
      )}
    </div>
  );
}

const PAGES = ["environments", "keys", "members", "activity"] as const;

/** The page one is on, for another environment. */
function usePage(): "/p/$project/e/$environment" | `/p/$project/e/$environment/${(typeof PAGES)[number]}` {
  const last = useMatches().at(-1)?.routeId ?? "";
  const name = PAGES.find((name) => last === `${PAGE}/${name}`);
  return name ? `/p/$project/e/$environment/${name}` : "/p/$project/e/$environment";
}
