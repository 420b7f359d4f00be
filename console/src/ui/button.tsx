import { Slot } from "radix-ui";
import type { ComponentPropsWithRef, ReactNode } from "react";

import { classNames } from "@/lib/class-names";

const LOOKS = {
  primary:
    "bg-accent text-on-accent border-transparent hover:bg-accent-hover disabled:bg-line disabled:text-faint shadow-card",
  plain: "bg-surface text-ink border-line-strong hover:bg-hover disabled:text-faint shadow-card",
  quiet: "bg-transparent text-soft border-transparent hover:bg-hover hover:text-ink disabled:text-faint",
  danger:
    "bg-danger-solid text-white border-transparent hover:bg-danger-hover disabled:bg-line disabled:text-faint shadow-card",
};

const SIZES = {
  small: "h-8 px-2.5 text-sm gap-1.5",
  normal: "h-9 px-3.5 text-base gap-2",
  large: "h-11 px-5 text-lg gap-2",
};

type Props = ComponentPropsWithRef<"button"> & {
  look?: keyof typeof LOOKS;
  size?: keyof typeof SIZES;
  /** Shows that it works, and cannot be pressed meanwhile. */
  busy?: boolean;
  /** The child is the element, styled as a button: a link. */
  asChild?: boolean;
};

export function Button({ look = "plain", size = "normal", busy = false, asChild = false, className, ...rest }: Props) {
  const classes = classNames(
    "inline-flex shrink-0 items-center justify-center rounded-md border font-medium whitespace-nowrap select-none",
    "transition-colors disabled:cursor-not-allowed disabled:shadow-none pointer-coarse:min-h-11",
    LOOKS[look],
    SIZES[size],
    className,
  );
  if (asChild) return <Slot.Root className={classes} {...rest} />;
  const { children, disabled, type = "button", ...others } = rest;
  return (
    <button
      className={classes}
      type={type}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      {...others}
    >
      {busy && <Spinner />}
      {children}
    </button>
  );
}

type IconProps = Omit<ComponentPropsWithRef<"button">, "children"> & { label: string; children: ReactNode };

/** A button that shows an icon alone; its label is for those who do not see it. */
export function IconButton({ label, children, className, ...rest }: IconProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={classNames(
        "inline-flex size-8 shrink-0 items-center justify-center rounded-md text-faint transition-colors",
        "hover:bg-hover hover:text-ink data-[state=open]:bg-hover data-[state=open]:text-ink pointer-coarse:size-11",
        className,
      )}
      {...rest}
    >
      {children}
    </button>
  );
}

export function Spinner({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 16 16" className={classNames("size-4 animate-spin", className)} fill="none" aria-hidden="true">
      <circle cx="8" cy="8" r="6" stroke="currentColor" strokeWidth="2" opacity="0.25" />
      <path d="M14 8a6 6 0 0 0-6-6" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
