import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  redirect,
  type ErrorComponentProps,
} from "@tanstack/react-router";
import type { QueryClient } from "@tanstack/react-query";

import { sessionQuery } from "./api/session";
import { AccountLayout } from "./pages/account/layout";
import { ProfilePage } from "./pages/account/profile";
import { SessionsPage } from "./pages/account/sessions";
import { TokensPage } from "./pages/account/tokens";
import { ActivityPage } from "./pages/activity/page";
import { InvitationPage } from "./pages/entrance/invitation";
import { PasswordPage } from "./pages/entrance/password";
import { SetupPage } from "./pages/entrance/setup";
import { SignInPage } from "./pages/entrance/sign-in";
import { EnvironmentsPage } from "./pages/environments/page";
import { KeysPage } from "./pages/keys/page";
import { MembersPage } from "./pages/members/page";
import { OverviewPage } from "./pages/overview/page";
import { ProjectStartPage, StartPage } from "./pages/start";
import { queryClient } from "./query-client";
import { Broken, NotFound, Root } from "./shell/root";
import { Shell } from "./shell/shell";

/*
 * Every page of the console. The server answers all of these paths with the one page: one that begins in a new way also goes into
 * `crates/server/src/http/router.rs`.
 */

const rootRoute = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Root,
  notFoundComponent: () => <NotFound />,
  errorComponent: ({ error, reset }: ErrorComponentProps) => <Broken error={error} onRetry={reset} />,
});

// Before one is in.

export type SignInSearch = { to?: string | undefined; ended?: true | undefined };

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  component: SignInPage,
  validateSearch: ({ to, ended }: Record<string, unknown>): SignInSearch => ({
    // Only to pages of this console: `//host` and `https:` lead elsewhere. What is left out would be taken as it came.
    to: typeof to === "string" && /^\/(?![/\\])/.test(to) ? to : undefined,
    ended: ended === true ? ended : undefined,
  }),
});

const setupRoute = createRoute({ getParentRoute: () => rootRoute, path: "/setup", component: SetupPage });

const invitationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/invitation",
  component: InvitationPage,
});

const passwordRoute = createRoute({ getParentRoute: () => rootRoute, path: "/password", component: PasswordPage });

// With a session.

const signedInRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "signed-in",
  beforeLoad: async ({ context, location }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (session === null)
      throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { to: location.href } });
  },
});

const startRoute = createRoute({ getParentRoute: () => signedInRoute, path: "/", component: StartPage });

const projectRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/p/$project",
  component: ProjectStartPage,
});

// One project and one of its environments: everything shown follows them.

const environmentRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/p/$project/e/$environment",
  component: Shell,
});

const overviewRoute = createRoute({ getParentRoute: () => environmentRoute, path: "/", component: OverviewPage });

const environmentsRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/environments",
  component: EnvironmentsPage,
  validateSearch: ({ view }: Record<string, unknown>): { view?: "tree" | undefined } => ({
    view: view === "tree" ? view : undefined,
  }),
});

const keysRoute = createRoute({ getParentRoute: () => environmentRoute, path: "/keys", component: KeysPage });

const membersRoute = createRoute({ getParentRoute: () => environmentRoute, path: "/members", component: MembersPage });

const activityRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/activity",
  component: ActivityPage,
});

// Oneself.

const accountRoute = createRoute({ getParentRoute: () => signedInRoute, path: "/account", component: AccountLayout });

const profileRoute = createRoute({ getParentRoute: () => accountRoute, path: "/", component: ProfilePage });

const sessionsRoute = createRoute({ getParentRoute: () => accountRoute, path: "/sessions", component: SessionsPage });

const tokensRoute = createRoute({ getParentRoute: () => accountRoute, path: "/tokens", component: TokensPage });

const routeTree = rootRoute.addChildren([
  signInRoute,
  setupRoute,
  invitationRoute,
  passwordRoute,
  signedInRoute.addChildren([
    startRoute,
    projectRoute,
    environmentRoute.addChildren([overviewRoute, environmentsRoute, keysRoute, membersRoute, activityRoute]),
    accountRoute.addChildren([profileRoute, sessionsRoute, tokensRoute]),
  ]),
]);

export const router = createRouter({ routeTree, context: { queryClient }, defaultPreload: false });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
