import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { KeySquare, LogOut, MonitorSmartphone, UserRound } from "lucide-react";
import { toast } from "sonner";

import { toApiError } from "@/api/error";
import { sessionQuery, signOut } from "@/api/session";
import { setTheme, useTheme, type Theme } from "@/lib/theme";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine, MenuLink } from "@/ui/menu";

const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function AccountMenu() {
  const session = useQuery(sessionQuery);
  const client = useQueryClient();
  const navigate = useNavigate();
  const theme = useTheme();
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: async () => {
      client.clear();
      client.setQueryData(sessionQuery.queryKey, null);
      await navigate({ to: "/sign-in" });
    },
    onError: (error) => toast.error(toApiError(error).message),
  });
  const viewer = session.data?.viewer;
  return (
    <Menu
      trigger={
        <button type="button" className="flex size-9 items-center justify-center rounded-full pointer-coarse:size-11">
          <span className="flex size-7.5 items-center justify-center rounded-full border border-accent-line bg-accent-wash text-xs font-semibold text-accent">
            {initials(viewer?.name || viewer?.email || "?")}
          </span>
          <span className="sr-only">, account and theme</span>
        </button>
      }
    >
      {viewer && (
        <div className="px-2.5 pt-1 pb-2">
          <p className="truncate font-medium">{viewer.name}</p>
          <p className="truncate text-sm text-faint">{viewer.email}</p>
        </div>
      )}
      <MenuLine />
      <MenuLink>
        <Link to="/account">
          <UserRound />
          Profile and password
        </Link>
      </MenuLink>
      <MenuLink>
        <Link to="/account/sessions">
          <MonitorSmartphone />
          Sessions
        </Link>
      </MenuLink>
      <MenuLink>
        <Link to="/account/tokens">
          <KeySquare />
          Access tokens
        </Link>
      </MenuLink>
      <MenuLine />
      <MenuLabel>Theme</MenuLabel>
      <MenuChoice label="Theme" value={theme} onChange={setTheme} choices={THEMES} />
      <MenuLine />
      <MenuItem icon={<LogOut />} onSelect={() => leave.mutate()}>
        Sign out
      </MenuItem>
    </Menu>
  );
}

function initials(name: string): string {
  const words = name.split(/[\s.@_-]+/).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => word[0]!.toUpperCase())
    .join("");
}
