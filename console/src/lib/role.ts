/** What a role may do, so that the console offers nothing that the server would refuse. The server decides all the same. */
export const ROLES = ["viewer", "developer", "admin", "owner"] as const;

export type Role = (typeof ROLES)[number];

/** Whether a role is at least `needed`. */
export function atLeast(role: string, needed: Role): boolean {
  return ROLES.indexOf(role as Role) >= ROLES.indexOf(needed);
}

type Guarded = { holdsProductionData: boolean; protected: boolean };

/** Production, and what holds its data, is changed by admins; everything else by developers. */
export function mayChange(role: string, environment: Guarded): boolean {
  return atLeast(role, environment.holdsProductionData ? "admin" : "developer");
}

/** What is protected is deleted and restored by owners alone. */
export function mayDelete(role: string, environment: Guarded): boolean {
  return environment.protected ? atLeast(role, "owner") : mayChange(role, environment);
}

export const ROLE_SENTENCE: Record<Role, string> = {
  viewer: "Reads definitions and counts, never production’s data.",
  developer: "Creates, branches and changes environments, but not where production’s data is.",
  admin: "Changes production, and reads the values of variables.",
  owner: "Everything: protection, copies of secrets, roles of others.",
};
