export const ENVIRONMENT_TYPES = ["dev", "staging", "prod", "eval", "custom"] as const;

export type EnvironmentType = (typeof ENVIRONMENT_TYPES)[number];

const BY_NAME: Record<string, EnvironmentType> = {
  dev: "dev",
  development: "dev",
  staging: "staging",
  prod: "prod",
  production: "prod",
  eval: "eval",
};

/** The type the server gives to an environment of this name when none is asked for. */
export function typeOfName(name: string): EnvironmentType {
  return BY_NAME[name] ?? "custom";
}

/** The server speaks of types as text; one that this console does not know is shown like a custom one. */
export function asType(text: string): EnvironmentType {
  return ENVIRONMENT_TYPES.find((type) => type === text) ?? "custom";
}
