-- What must be known before an environment is. Everything else lives in the environments' own databases.

create table organizations (
    id uuid primary key,
    name text not null,
    created_at timestamptz not null default now()
);

create table members (
    id uuid primary key,
    email text not null,
    name text not null,
    created_at timestamptz not null default now()
);
create unique index members_email on members (lower(email));

create table organization_members (
    organization_id uuid not null references organizations on delete cascade,
    member_id uuid not null references members on delete cascade,
    role text not null check (role in ('owner', 'member')),
    primary key (organization_id, member_id)
);

create table projects (
    id uuid primary key,
    organization_id uuid not null references organizations,
    name text not null,
    created_at timestamptz not null default now()
);
create unique index projects_name on projects (organization_id, lower(name));

create table project_members (
    project_id uuid not null references projects on delete cascade,
    member_id uuid not null references members on delete cascade,
    role text not null check (role in ('owner', 'admin', 'developer', 'viewer')),
    primary key (project_id, member_id)
);

create table clusters (
    id uuid primary key,
    name text not null unique,
    provider text not null,
    region text not null,
    is_default boolean not null,
    created_at timestamptz not null default now()
);
create unique index clusters_default on clusters (is_default) where is_default;

create table environments (
    id uuid primary key,
    project_id uuid not null references projects,
    cluster_id uuid not null references clusters,
    parent_id uuid references environments,
    name text not null,
    type text not null check (type in ('dev', 'staging', 'prod', 'eval', 'custom')),
    status text not null check (status in ('creating', 'active', 'paused', 'deleting', 'deleted', 'failed', 'stuck')),
    -- Opaque, because every login of a cluster can see the names of its databases.
    database_name text not null unique,
    branch_mode text check (branch_mode in ('full', 'system')),
    branched_at timestamptz,
    expires_at timestamptz,
    protected boolean not null,
    holds_production_data boolean not null,
    deleted_at timestamptz,
    erase_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
-- A deleted environment gives its name back at once.
create unique index environments_name on environments (project_id, lower(name)) where deleted_at is null;
create index environments_parent on environments (parent_id);

create table api_keys (
    id uuid primary key,
    environment_id uuid not null references environments on delete cascade,
    locator text not null unique,
    kind text not null check (kind in ('publishable', 'secret')),
    prefix text not null,
    name text not null,
    scopes text[] not null,
    is_default boolean not null,
    hash bytea not null,
    pepper_version smallint not null,
    -- The whole text of a publishable key, which is no secret. Never set for a secret one.
    publishable text check (publishable is null or kind = 'publishable'),
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);
create index api_keys_environment on api_keys (environment_id, created_at);

create table access_tokens (
    id uuid primary key,
    member_id uuid not null references members on delete cascade,
    locator text not null unique,
    prefix text not null,
    name text not null,
    hash bytea not null,
    pepper_version smallint not null,
    -- The one in DIR/owner-token.
    local_owner boolean not null default false,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);

create table operations (
    id uuid primary key,
    kind text not null,
    -- No references: an operation that was rolled back tells why after what it made is gone.
    project_id uuid not null,
    environment_id uuid not null,
    -- Everything the steps need, fixed before the first effect.
    input jsonb not null,
    actor_id uuid not null,
    status text not null check (status in ('running', 'done', 'rolledBack', 'stuck')),
    -- Counts the takings of this operation by a server; a server that holds an older number may not write.
    generation integer not null default 1,
    error jsonb,
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
create index operations_project on operations (project_id, created_at);
create index operations_open on operations (status) where status in ('running', 'stuck');

create table operation_events (
    operation_id uuid not null references operations on delete cascade,
    seq integer not null,
    event jsonb not null,
    at timestamptz not null default clock_timestamp(),
    primary key (operation_id, seq)
);

-- Which operation uses an environment, shared (source of a branch) or exclusive (delete). Kept until the operation ends.
create table claims (
    environment_id uuid not null references environments on delete cascade,
    operation_id uuid not null references operations on delete cascade,
    mode text not null check (mode in ('shared', 'exclusive')),
    primary key (environment_id, operation_id)
);

create table audit_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    actor_id uuid,
    actor text not null,
    project_id uuid,
    environment_id uuid,
    action text not null,
    target text not null,
    detail jsonb not null default '{}'
);
create index audit_log_project on audit_log (project_id, id);

-- Facts about this installation: the fingerprint of the master key.
create table installation (
    name text primary key,
    value text not null
);
