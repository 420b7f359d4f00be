import { Link, Outlet } from "@tanstack/react-router";

import { TopBar } from "@/shell/top-bar";

const PAGES = [
  { to: "/account", text: "Profile", exact: true },
  { to: "/account/sessions", text: "Sessions", exact: false },
  { to: "/account/tokens", text: "Access tokens", exact: false },
] as const;

export function AccountLayout() {
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="sticky top-0 z-30 border-b border-line bg-paper">
        <TopBar />
      </header>
      <div className="mx-auto w-full max-w-3xl px-4 pt-6 pb-16 sm:px-6">
        <nav aria-label="Account" className="mb-8 border-b border-line">
          <ul className="scroll-quiet flex overflow-x-auto">
            {PAGES.map(({ to, text, exact }) => (
              <li key={to}>
                <Link
                  to={to}
                  activeOptions={{ exact }}
                  className="relative flex h-10 items-center px-3 font-medium whitespace-nowrap text-soft -outline-offset-2! after:absolute after:inset-x-2 after:bottom-0 after:h-0.5 after:rounded-full hover:text-ink aria-[current=page]:text-ink aria-[current=page]:after:bg-accent"
                >
                  {text}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <main>
          <Outlet />
        </main>
      </div>
    </div>
  );
}
