import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { useState, type ReactNode } from "react";

import { classNames } from "@/lib/class-names";

import { IconButton } from "./button";

type Props = {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** One sentence under the title. */
  description?: ReactNode;
  children: ReactNode;
  /** At the bottom, always in sight. */
  actions?: ReactNode;
  wide?: boolean;
  /** It closes by its own buttons alone: what it shows must not be lost by a stray key or click. */
  insistent?: boolean;
};

/** What had the focus before the first of the dialogs that are open. */
let opener: HTMLElement | null = null;

/** The element to which the focus goes back: a menu is gone by then, so its button stands for it. */
function findOpener(): HTMLElement | null {
  const active = document.activeElement;
  if (!(active instanceof HTMLElement) || active === document.body) return null;
  const menu = active.closest("[role=menu]")?.getAttribute("aria-labelledby") ?? null;
  const from = menu === null ? active : document.getElementById(menu);
  if (!active.closest("[role=dialog]")) opener = from;
  return from;
}

/** In the middle of a wide window, a sheet from below on a phone. */
export function Dialog({ open, onClose, title, description, children, actions, wide, insistent = false }: Props) {
  const [from] = useState(findOpener);
  const giveBackFocus = (event: Event) => {
    event.preventDefault();
    // One dialog may have followed another whose elements are gone.
    const target = [from, opener].find((element) => element?.isConnected);
    (target ?? document.getElementById("content"))?.focus();
  };
  const hold = (event: Event) => {
    if (insistent) event.preventDefault();
  };
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 animate-fade bg-[#0b120eb3]" />
        <Radix.Content
          onCloseAutoFocus={giveBackFocus}
          onEscapeKeyDown={hold}
          onPointerDownOutside={hold}
          onInteractOutside={hold}
          {...(description === undefined ? { "aria-describedby": undefined } : {})}
          className={classNames(
            "fixed z-50 flex flex-col border-line bg-raised shadow-float outline-none",
            "inset-x-0 bottom-0 max-h-[92dvh] animate-sheet rounded-t-xl border-t",
            "sm:inset-x-auto sm:bottom-auto sm:top-[6dvh] sm:left-1/2 sm:max-h-[88dvh] sm:w-full sm:-translate-x-1/2",
            "sm:animate-rise sm:rounded-xl sm:border",
            wide === true ? "sm:max-w-2xl" : "sm:max-w-lg",
          )}
        >
          <header className="flex items-start gap-4 px-5 pt-5 pb-4 sm:px-6">
            <div className="min-w-0 flex-1">
              <Radix.Title className="text-lg leading-6 font-semibold break-words">{title}</Radix.Title>
              {description !== undefined && (
                <Radix.Description className="mt-1 text-base text-soft">{description}</Radix.Description>
              )}
            </div>
            {!insistent && (
              <IconButton label="Close" onClick={onClose} className="-mt-1 -mr-2">
                <X className="size-4" />
              </IconButton>
            )}
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-5 pb-5 sm:px-6" tabIndex={-1}>
            {children}
          </div>
          {actions !== undefined && (
            <footer className="flex flex-col-reverse gap-2 border-t border-line bg-raised px-5 py-4 sm:flex-row sm:justify-end sm:rounded-b-xl sm:px-6">
              {actions}
            </footer>
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
