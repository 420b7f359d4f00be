import { Check } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";

import { classNames } from "@/lib/class-names";

const ITEM =
  "flex min-h-9 w-full items-center gap-2.5 rounded-md px-2.5 text-base text-ink outline-none select-none pointer-coarse:min-h-11 " +
  "data-[highlighted]:bg-hover data-[disabled]:text-faint data-[disabled]:cursor-not-allowed [&>svg]:size-4 [&>svg]:shrink-0 [&>svg]:text-faint";

type MenuProps = { trigger: ReactNode; children: ReactNode; align?: "start" | "end"; label?: string };

/** A menu on a button. It stands beside it in the page, without a portal, so that it belongs to the same landmark. */
export function Menu({ trigger, children, align = "end" }: MenuProps) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Content
        align={align}
        sideOffset={6}
        collisionPadding={8}
        className="z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-56 animate-rise overflow-y-auto rounded-lg border border-line bg-raised p-1.5 shadow-float"
      >
        {children}
      </Radix.Content>
    </Radix.Root>
  );
}

type ItemProps = { icon?: ReactNode; children: ReactNode; onSelect?: () => void; disabled?: boolean; danger?: boolean };

export function MenuItem({ icon, children, onSelect, disabled = false, danger = false }: ItemProps) {
  return (
    <Radix.Item
      disabled={disabled}
      {...(onSelect ? { onSelect } : {})}
      className={classNames(ITEM, danger && !disabled && "text-danger! [&>svg]:text-danger!")}
    >
      {icon}
      {children}
    </Radix.Item>
  );
}

/** An entry that is a link. */
export function MenuLink({ children }: { children: ReactNode }) {
  return (
    <Radix.Item asChild className={ITEM}>
      {children}
    </Radix.Item>
  );
}

type ChoiceProps<T extends string> = {
  value: T;
  onChange: (value: T) => void;
  choices: readonly (readonly [T, string])[];
  label: string;
};

/** One of several; the chosen one is ticked. */
export function MenuChoice<T extends string>({ value, onChange, choices, label }: ChoiceProps<T>) {
  return (
    <Radix.RadioGroup value={value} onValueChange={(next) => onChange(next as T)} aria-label={label}>
      {choices.map(([choice, text]) => (
        <Radix.RadioItem key={choice} value={choice} className={classNames(ITEM, "justify-between")}>
          {text}
          <Radix.ItemIndicator>
            <Check className="size-4 text-accent" />
          </Radix.ItemIndicator>
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2.5 pt-1.5 pb-1 text-xs text-faint">{children}</Radix.Label>;
}

export function MenuLine() {
  return <Radix.Separator className="-mx-1.5 my-1.5 h-px bg-line" />;
}
