import { Link, Outlet } from "@tanstack/react-router";
import { Toaster } from "sonner";

import { useTheme } from "@/lib/theme";
import { Mark } from "@/ui/brand";
import { Button } from "@/ui/button";
import { LoadError } from "@/ui/state";

import { DialogsProvider } from "./dialogs";
import { Reauthentication } from "./reauthentication";

/** Around every page: toasts, and the dialogs that any page may ask for. */
export function Root() {
  const theme = useTheme();
  return (
    <DialogsProvider>
      <Outlet />
      <Reauthentication />
      <Toaster theme={theme} position="bottom-right" offset={20} mobileOffset={{ bottom: 76, left: 12, right: 12 }} />
    </DialogsProvider>
  );
}

/** A path that means nothing, or something one may not know of. */
export function NotFound({ what = "There is no page at this address." }: { what?: string }) {
  return (
    <main className="mx-auto flex min-h-[70dvh] max-w-md flex-col items-center justify-center gap-4 px-5 text-center">
      <Mark className="size-10 text-faint" />
      <h1 className="text-xl">Nothing grows here</h1>
      <p className="text-soft">{what}</p>
      <Button asChild>
        <Link to="/">To the start</Link>
      </Button>
    </main>
  );
}

export function Broken({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return (
    <main className="mx-auto flex min-h-[70dvh] max-w-lg flex-col justify-center gap-4 px-5">
      <h1 className="text-xl">This page cannot be shown</h1>
      <LoadError error={error} onRetry={onRetry} />
    </main>
  );
}
