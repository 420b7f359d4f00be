import { CircleAlert } from "lucide-react";
import { useId, type ComponentPropsWithRef, type ReactNode } from "react";

import { classNames } from "@/lib/class-names";

type Described = { id: string; "aria-describedby": string | undefined; "aria-invalid": true | undefined };

type FieldProps = {
  label: ReactNode;
  hint?: ReactNode;
  /** What is wrong with what was typed. */
  problem?: string | null;
  children: (described: Described) => ReactNode;
  className?: string;
};

/** A control with its label, its hint and its mistake, tied together for every reader. */
export function Field({ label, hint, problem = null, children, className }: FieldProps) {
  const id = useId();
  const below = problem !== null || hint !== undefined;
  return (
    <div className={classNames("min-w-0", className)}>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      {children({
        id,
        "aria-describedby": below ? `${id}-below` : undefined,
        "aria-invalid": problem === null ? undefined : true,
      })}
      {below && (
        <p
          id={`${id}-below`}
          aria-live="polite"
          className={classNames("mt-1.5 flex gap-1.5 text-sm", problem === null ? "text-faint" : "text-danger")}
        >
          {problem !== null && <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden="true" />}
          <span className="min-w-0">{problem ?? hint}</span>
        </p>
      )}
    </div>
  );
}

type InputProps = Omit<ComponentPropsWithRef<"input">, "id"> & Omit<FieldProps, "children">;

/** A line of text. */
export function TextField({ label, hint, problem, className, ...input }: InputProps) {
  return (
    <Field label={label} hint={hint} problem={problem ?? null} {...(className === undefined ? {} : { className })}>
      {(described) => <input {...described} {...input} className="control" />}
    </Field>
  );
}

type SelectProps = Omit<ComponentPropsWithRef<"select">, "id" | "onChange"> &
  Omit<FieldProps, "children"> & {
    choices: readonly (readonly [value: string, text: string, disabled?: boolean])[];
    onChange: (value: string) => void;
  };

/** One of several, by the browser's own control: the best there is on a phone. */
export function SelectField({ label, hint, problem, choices, onChange, className, ...select }: SelectProps) {
  return (
    <Field label={label} hint={hint} problem={problem ?? null} {...(className === undefined ? {} : { className })}>
      {(described) => <Select {...described} {...select} choices={choices} onChange={onChange} />}
    </Field>
  );
}

type BareSelectProps = Omit<ComponentPropsWithRef<"select">, "onChange"> & Pick<SelectProps, "choices" | "onChange">;

export function Select({ choices, onChange, className, ...select }: BareSelectProps) {
  return (
    <select
      {...select}
      onChange={(event) => onChange(event.target.value)}
      className={classNames("control pr-8", className)}
    >
      {choices.map(([value, text, disabled]) => (
        <option key={value} value={value} disabled={disabled === true}>
          {text}
        </option>
      ))}
    </select>
  );
}

type CheckboxProps = Omit<ComponentPropsWithRef<"input">, "type" | "id"> & { label: ReactNode; hint?: ReactNode };

export function Checkbox({ label, hint, className, ...input }: CheckboxProps) {
  const id = useId();
  return (
    <div className={classNames("flex gap-2.5", className)}>
      <input
        id={id}
        type="checkbox"
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className="mt-0.75 size-4 shrink-0 accent-accent disabled:cursor-not-allowed"
        {...input}
      />
      <div className="min-w-0">
        <label htmlFor={id} className={classNames("block", input.disabled === true && "text-faint")}>
          {label}
        </label>
        {hint !== undefined && (
          <p id={`${id}-hint`} className="text-sm text-faint">
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}

type CardsProps<T extends string> = {
  legend: string;
  name: string;
  value: T;
  onChange: (value: T) => void;
  choices: readonly { value: T; title: string; text: string; disabled?: boolean }[];
};

/** One of a few, each with a sentence. */
export function RadioCards<T extends string>({ legend, name, value, onChange, choices }: CardsProps<T>) {
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1.5 text-sm font-medium">{legend}</legend>
      <div className="grid grid-cols-1 gap-2 sm:grid-cols-2">
        {choices.map((choice) => (
          <label
            key={choice.value}
            className={classNames(
              "relative flex gap-2.5 rounded-lg border p-3 transition-colors",
              "has-[:checked]:border-accent has-[:checked]:bg-accent-wash has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-offset-2 has-[:focus-visible]:outline-accent",
              choice.disabled === true ? "border-line text-faint" : "border-line-strong hover:border-control",
            )}
          >
            <input
              type="radio"
              name={name}
              value={choice.value}
              checked={value === choice.value}
              disabled={choice.disabled === true}
              onChange={() => onChange(choice.value)}
              className="mt-0.75 size-4 shrink-0 accent-accent outline-none"
            />
            <span className="min-w-0">
              <span className="block font-medium">{choice.title}</span>
              <span className="block text-sm text-soft">{choice.text}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
