import type { ReactNode } from "react";

import { Mark } from "@/ui/brand";
import { useTitle } from "@/ui/page";

import { Garden } from "./garden";

/** What one sees before one is in: the bell on one side, the form on the other. */
export function Entrance({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  useTitle(title);
  return (
    <div className="grid min-h-dvh lg:grid-cols-[minmax(0,5fr)_minmax(0,6fr)]">
      <aside
        aria-label="About"
        className="relative hidden overflow-hidden bg-[#12291f] scheme-dark text-[#dfeae2] lg:block"
      >
        <Garden />
        <div className="absolute inset-x-10 top-10 flex items-center gap-2.5">
          <Mark className="size-7" />
          <span className="text-lg font-semibold tracking-tight">Cloche</span>
        </div>
        <p className="absolute inset-x-10 bottom-10 max-w-88 text-lg text-[#b9cdc0]">
          Its own climate, the same garden: an environment for every stage of a whole backend.
        </p>
      </aside>
      <main className="flex flex-col justify-center px-5 py-10 sm:px-12">
        <div className="mx-auto w-full max-w-sm">
          <Mark className="mb-6 size-9 lg:hidden" />
          <h1 className="text-2xl">{title}</h1>
          {lead !== undefined && <p className="mt-2 text-soft">{lead}</p>}
          <div className="mt-7">{children}</div>
        </div>
      </main>
    </div>
  );
}
