import { absolute, relative } from "@/lib/time";

/** How long ago, with the whole date for whoever points at it. */
export function Time({ at, none = "never" }: { at: string | null | undefined; none?: string }) {
  if (!at) return <span className="text-faint">{none}</span>;
  return (
    <time dateTime={at} title={absolute(at)} className="whitespace-nowrap">
      {relative(at)}
    </time>
  );
}
