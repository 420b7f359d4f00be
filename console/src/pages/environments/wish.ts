import type { BranchInput, CreateInput } from "@/api/environments";
import type { EnvironmentType } from "@/lib/environment-type";

export const COPIES = [
  ["copyFileProviders", "File storage providers", "S3, GCS, Azure, Filestack; every copy gets a new id."],
  ["copyGatewayRoutes", "Gateway routes and webhooks", "Where requests are passed on to, and what comes in."],
  ["copySecurityConfig", "Security settings", "CORS origins and rate limits."],
  ["copyEnvironmentVariables", "Environment variables", "Names and values, sealed anew for the branch."],
] as const;

export type Copy = (typeof COPIES)[number][0];

export type Strategy = "AUTO" | "INSTANT" | "SNAPSHOT";

/** What was filled in. */
export type Wish = {
  /** The environment to branch from; null for an empty one. */
  from: string | null;
  name: string;
  /** Null leaves it to the name. */
  type: EnvironmentType | null;
  /** Empty for none. */
  lease: string;
  mode: "full" | "system";
  copies: readonly Copy[];
  strategy: Strategy;
};

export function toCreateInput(projectId: string, wish: Wish, operationId: string): CreateInput {
  return { projectId, name: wish.name, type: wish.type, lease: wish.lease || null, operationId };
}

export function toBranchInput(projectId: string, wish: Wish, from: string, operationId: string): BranchInput {
  // Without a flag ordinary access is enough, so only those that are wanted are sent.
  const copies = Object.fromEntries(wish.copies.map((copy) => [copy, true]));
  return {
    ...toCreateInput(projectId, wish, operationId),
    sourceEnvironment: from,
    mode: wish.mode,
    strategy: wish.strategy,
    ...copies,
  };
}
