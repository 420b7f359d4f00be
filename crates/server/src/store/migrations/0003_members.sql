-- People who sign in: passwords, sessions of browsers, links that let somebody in once.

-- An Argon2id hash in PHC form; none for who uses access tokens alone.
alter table members add column password_hash text;
-- May create organizations, and sees the server's own audit log.
alter table members add column instance_owner boolean not null default false;
update members set instance_owner = true where email = 'owner@localhost';

create table sessions (
    id uuid primary key,
    member_id uuid not null references members on delete cascade,
    hash bytea not null unique,
    pepper_version smallint not null,
    user_agent text not null,
    address text not null,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    -- When the password was last given.
    authenticated_at timestamptz not null default now(),
    revoked_at timestamptz
);
create index sessions_member on sessions (member_id, created_at);

create table invitations (
    id uuid primary key,
    organization_id uuid not null references organizations on delete cascade,
    email text not null,
    role text not null check (role in ('owner', 'member')),
    hash bytea not null unique,
    pepper_version smallint not null,
    -- By e-mail address, as in the audit log: it tells who it was also when that member is gone.
    invited_by text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    accepted_at timestamptz,
    revoked_at timestamptz
);
-- A new invitation to an address takes the place of the one before it.
create unique index invitations_open on invitations (organization_id, lower(email)) where accepted_at is null and revoked_at is null;

create table invitation_projects (
    invitation_id uuid not null references invitations on delete cascade,
    project_id uuid not null references projects on delete cascade,
    role text not null check (role in ('owner', 'admin', 'developer', 'viewer')),
    primary key (invitation_id, project_id)
);

-- The one link to a new password a member may have.
create table password_links (
    member_id uuid primary key references members on delete cascade,
    hash bytea not null unique,
    pepper_version smallint not null,
    -- Who has seen it: it ends with their ownership.
    made_by uuid not null references members on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

-- The one link that makes the first owner.
create table setup_links (
    only_row boolean primary key default true check (only_row),
    hash bytea not null unique,
    pepper_version smallint not null,
    created_at timestamptz not null default now()
);
