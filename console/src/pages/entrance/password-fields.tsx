import { useState } from "react";

import { passwordProblem } from "@/lib/password";
import { TextField } from "@/ui/field";

type Fields = {
  value: string;
  again: string;
  setValue: (value: string) => void;
  setAgain: (value: string) => void;
  problem: string | null;
  ready: boolean;
};

/** A new password, typed twice. */
export function usePasswordFields(email: string): Fields {
  const [value, setValue] = useState("");
  const [again, setAgain] = useState("");
  const problem = passwordProblem(value, email);
  return { value, again, setValue, setAgain, problem, ready: value !== "" && problem === null && value === again };
}

export function PasswordFields({ value, again, setValue, setAgain, problem }: Fields) {
  const different = again !== "" && !value.startsWith(again);
  return (
    <>
      <TextField
        label="Password"
        type="password"
        name="new-password"
        autoComplete="new-password"
        required
        maxLength={256}
        value={value}
        onChange={(event) => setValue(event.target.value)}
        hint="10 characters at least. A few words make a good one."
        problem={problem}
      />
      <TextField
        label="Password again"
        type="password"
        name="new-password-again"
        autoComplete="new-password"
        required
        maxLength={256}
        value={again}
        onChange={(event) => setAgain(event.target.value)}
        problem={different ? "This is not the same password." : null}
      />
    </>
  );
}
