/** The server's rule for names of projects and environments, so that a mistake is told while it is typed. */
const MAX_NAME = 64;

/** Why a name is refused, as a sentence; null when it is fine. An empty name is not yet a mistake. */
export function nameProblem(name: string, taken: readonly string[] = []): string | null {
  const bad = [...name].find((character) => !/[A-Za-z0-9_-]/.test(character));
  if (bad !== undefined) {
    const shown = bad === " " ? "a space" : `“${bad}”`;
    return `Letters, digits, hyphen and underscore only: ${shown} is not one of them.`;
  }
  if (name.length > MAX_NAME) return `${name.length} characters are too many: ${MAX_NAME} are allowed.`;
  const same = taken.find((other) => other.toLowerCase() === name.toLowerCase());
  if (same !== undefined) return `There is an environment named ${same} already.`;
  return null;
}
