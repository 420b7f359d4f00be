const SHORTEST = 10;
const LONGEST = 256;

/** What is wrong with a new password, by the server's rules; null when it is fine. Nothing typed yet is no mistake. */
export function passwordProblem(password: string, email: string): string | null {
  if (password === "") return null;
  if (password.length < SHORTEST) {
    return `${SHORTEST - password.length} more character${password.length === SHORTEST - 1 ? "" : "s"}: ${SHORTEST} at least.`;
  }
  if (password.length > LONGEST) return `${LONGEST} characters at most.`;
  if (email !== "" && password.toLowerCase() === email.toLowerCase()) return "The e-mail address is no password.";
  return null;
}
