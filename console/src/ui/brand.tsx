/** The bell and what grows under it. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} fill="none" aria-hidden="true">
      <g stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round">
        <path d="M7 26V15a9 9 0 0 1 18 0v11" />
        <path d="M4 27h24" />
        <path d="M16 6V3.500" />
      </g>
      <path d="M16 26v-8" className="stroke-dev" strokeWidth="2" strokeLinecap="round" />
      <path d="M16 18.500c0-2.800 1.900-4.300 4.800-4.300 0 2.900-1.900 4.400-4.800 4.300z" className="fill-dev" />
      <path d="M16 21.500c0-2.200-1.500-3.400-3.900-3.400 0 2.400 1.500 3.500 3.900 3.400z" className="fill-dev" />
    </svg>
  );
}
