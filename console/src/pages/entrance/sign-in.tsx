import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { signIn } from "@/api/session";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { ErrorNotice, Notice } from "@/ui/state";

import { useEnter } from "./enter";
import { Entrance } from "./layout";

export function SignInPage() {
  const { to, ended } = useSearch({ from: "/sign-in" });
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const enter = useEnter(() => signIn(email.trim(), password), to);
  return (
    <Entrance title="Sign in">
      <form
        className="grid grid-cols-1 gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          enter.mutate();
        }}
      >
        {ended === true && !enter.isError && (
          <Notice title="Your session has ended">Sign in to go on where you were.</Notice>
        )}
        <TextField
          label="E-mail address"
          type="email"
          name="email"
          autoComplete="username"
          required
          autoFocus
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <TextField
          label="Password"
          type="password"
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <ErrorNotice error={enter.error} />
        <Button
          look="primary"
          size="large"
          type="submit"
          busy={enter.isPending}
          disabled={email === "" || password === ""}
        >
          Sign in
        </Button>
        <p className="text-sm text-faint">
          Forgotten? An owner of your organization makes you a link for a new password.
        </p>
      </form>
    </Entrance>
  );
}
