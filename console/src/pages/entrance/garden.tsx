/** A glass bell over a seedling, in a bed of furrows. */
export function Garden() {
  return (
    <svg
      viewBox="0 0 500 800"
      preserveAspectRatio="xMidYMid slice"
      className="absolute inset-0 size-full"
      aria-hidden="true"
    >
      <defs>
        <radialGradient id="glow" cx="50%" cy="58%" r="42%">
          <stop offset="0" stopColor="#3d7a5a" stopOpacity="0.55" />
          <stop offset="1" stopColor="#12291f" stopOpacity="0" />
        </radialGradient>
        <linearGradient id="glass" x1="0" y1="0" x2="1" y2="1">
          <stop offset="0" stopColor="#e9f5ec" stopOpacity="0.2" />
          <stop offset="0.5" stopColor="#e9f5ec" stopOpacity="0.03" />
          <stop offset="1" stopColor="#e9f5ec" stopOpacity="0.12" />
        </linearGradient>
      </defs>
      <rect width="500" height="800" fill="url(#glow)" />
      <g fill="none" stroke="#2b5140" strokeWidth="1.5">
        <path d="M-20 566c90-18 170-26 270-26s180 8 270 26" />
        <path d="M-20 604c90-16 170-24 270-24s180 8 270 24" />
        <path d="M-20 650c90-14 170-20 270-20s180 6 270 20" />
        <path d="M-20 706c90-10 170-14 270-14s180 4 270 14" />
      </g>
      <ellipse cx="250" cy="552" rx="138" ry="17" fill="#0c1d15" />
      <g stroke="#7fc49c" strokeWidth="4" strokeLinecap="round" fill="none">
        <path d="M250 550c-2-40 3-76-2-126" />
        <path d="M249 490c-14-10-26-13-40-12" strokeWidth="3" />
      </g>
      <g fill="#7fc49c">
        <path d="M248 428c2-42 28-68 76-72-1 46-29 72-76 72z" />
        <path d="M247 452c-4-34-27-55-66-57 2 37 26 57 66 57z" opacity="0.85" />
        <path d="M210 478c-22-14-42-12-58 2 20 16 42 15 58-2z" opacity="0.7" />
      </g>
      <g stroke="#12291f" strokeWidth="1.5" fill="none" opacity="0.45">
        <path d="M254 423c18-22 38-40 60-57" />
        <path d="M242 447c-14-17-30-31-50-44" />
      </g>
      <path
        d="M126 548V392c0-76 54-132 124-132s124 56 124 132v156c-34 9-78 14-124 14s-90-5-124-14z"
        fill="url(#glass)"
      />
      <g fill="none" stroke="#cfe3d6" strokeWidth="2.500" strokeLinecap="round">
        <path d="M126 548V392c0-76 54-132 124-132s124 56 124 132v156" />
        <path d="M114 550c36 12 84 18 136 18s100-6 136-18" />
        <path d="M114 550c6-2 8-2 12-2M386 550c-6-2-8-2-12-2" />
        <path d="M250 260v-12" />
        <circle cx="250" cy="234" r="13" />
        <path d="M150 500V398c0-42 20-78 52-98" opacity="0.5" />
      </g>
      <g fill="#5f9a7b" opacity="0.7">
        <path d="M58 640c-1-15 6-24 20-28 1 16-6 25-20 28zM58 640c-4-12-12-17-24-17 2 12 11 18 24 17z" />
        <path d="M438 652c-1-15 6-24 20-28 1 16-6 25-20 28zM438 652c-4-12-12-17-24-17 2 12 11 18 24 17z" />
      </g>
    </svg>
  );
}
