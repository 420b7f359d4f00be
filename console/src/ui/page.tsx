import { useEffect, type ReactNode } from "react";

type Props = { title: string; lead?: ReactNode; actions?: ReactNode; children: ReactNode };

/** A page's head and body, and its name in the browser's tab. */
export function Page({ title, lead, actions, children }: Props) {
  useTitle(title);
  return (
    <>
      <header className="mb-6 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 className="text-xl">{title}</h1>
          {lead !== undefined && <p className="mt-0.5 max-w-prose text-soft">{lead}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
      </header>
      {children}
    </>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Cloche`;
  }, [title]);
}

/** A part of a page with a heading of its own. */
export function Section({ title, lead, actions, children }: Props) {
  return (
    <section className="mt-10 first:mt-0" aria-label={title}>
      <header className="mb-3 flex flex-wrap items-end justify-between gap-3">
        <div className="min-w-0">
          <h2 className="text-lg">{title}</h2>
          {lead !== undefined && <p className="text-soft">{lead}</p>}
        </div>
        {actions}
      </header>
      {children}
    </section>
  );
}
