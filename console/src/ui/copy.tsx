import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { toast } from "sonner";

import { classNames } from "@/lib/class-names";

/** Copies a text and says so, on the button and to screen readers. */
export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      toast.error("The browser does not let this page copy. Select the text instead.");
    }
  };
  return (
    <button
      type="button"
      onClick={copy}
      aria-label={copied ? "Copied" : label}
      title={label}
      className={classNames(
        "inline-flex size-7 shrink-0 items-center justify-center rounded-md text-faint transition-colors hover:bg-hover hover:text-ink pointer-coarse:size-10",
        className,
      )}
    >
      {copied ? <Check className="size-4 text-accent" /> : <Copy className="size-3.5" />}
      <span role="status" className="sr-only">
        {copied ? "Copied" : ""}
      </span>
    </button>
  );
}

/** A text to be copied whole: a key, a link. */
export function CopyRow({ label, text, note }: { label: string; text: string; note?: string }) {
  return (
    <div className="rounded-lg border border-line bg-sunken">
      <div className="flex items-center justify-between gap-3 pt-1.5 pr-1.5 pl-3">
        <span className="text-sm font-medium">
          {label}
          {note !== undefined && <span className="ml-2 font-normal text-faint">{note}</span>}
        </span>
        <CopyButton text={text} label={`Copy ${label.toLowerCase()}`} />
      </div>
      <code className="block px-3 pb-3 font-mono text-sm leading-5 break-all select-all">{text}</code>
    </div>
  );
}

/** A command line, ready to be pasted. */
export function Command({ label, text }: { label: string; text: string }) {
  return (
    <figure className="overflow-hidden rounded-lg border border-line bg-sunken">
      <figcaption className="flex items-center justify-between border-b border-line pr-1.5 pl-3 text-sm text-faint">
        {label}
        <CopyButton text={text} label="Copy command" />
      </figcaption>
      <pre tabIndex={0} className="overflow-x-auto px-3 py-2.5 font-mono text-sm leading-5" aria-label={label}>
        {text}
      </pre>
    </figure>
  );
}
