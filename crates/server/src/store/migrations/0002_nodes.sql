-- Several servers over one control database, and what each of them must have heard of.

create table nodes (
    id uuid primary key,
    -- The data directory it runs in, or one it was copied from.
    home uuid not null,
    -- Where it listens, for people.
    address text not null,
    -- It runs the PostgreSQL server itself, and shares it with nobody.
    embedded boolean not null,
    -- The last change it has heard of: its memory holds nothing older.
    acknowledged bigint not null,
    started_at timestamptz not null default now(),
    -- Others look only whether this changes, so no two clocks have to agree.
    renewed_at timestamptz not null default clock_timestamp()
);

-- The number of the last change that must be in force on every node. Its row stays locked until the change is committed, so numbers
-- appear in order: who sees one sees all before it.
create table fence (
    only_row boolean primary key default true check (only_row),
    epoch bigint not null
);
insert into fence (epoch) values (0);

-- The changes some node may not have heard of yet, and which environment each is about.
create table fence_changes (
    epoch bigint primary key,
    environment_id uuid not null
);

-- Environments whose requests wait on every node but this one, which copies them.
create table closed_gates (
    environment_id uuid not null references environments on delete cascade,
    node_id uuid not null references nodes on delete cascade,
    primary key (environment_id, node_id)
);

-- Who works on it. No reference: the work of a node that is gone is taken over by another.
alter table operations add column node_id uuid;

-- The data directory in which a local owner's token lies: each has its own.
alter table access_tokens add column home uuid;
