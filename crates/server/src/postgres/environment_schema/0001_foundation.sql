-- Schema cloche of an environment's database: what the platform keeps there. Owned by cloche_platform; every table says in
-- postgres/travel.rs whether a branch takes it along.

-- The definitions last applied, in normalised form.
create table cloche.definitions (
    kind text not null,
    name text not null,
    spec jsonb not null,
    updated_at timestamptz not null default now(),
    primary key (kind, name)
);

-- Every change of the schema by the platform, in the transaction of the change, so that a resumed operation knows what was done.
create table cloche.revisions (
    id uuid primary key,
    at timestamptz not null default now(),
    actor text not null,
    plan jsonb not null
);

-- Environment variables, sealed for this environment and their name.
create table cloche.variables (
    name text primary key,
    sealed bytea not null,
    updated_at timestamptz not null default now()
);

-- All that the data login may see of schema cloche: which tables anon may do what with.
create view cloche.table_access as
    select name, array(select jsonb_array_elements_text(spec -> 'access' -> 'anon')) as anon
    from cloche.definitions
    where kind = 'table';

-- Read and written by the login that changes the schema, which is no member of cloche_platform.
create view cloche.deployed as
    select kind, name, spec from cloche.definitions;

create function cloche.record_revision(revision uuid, actor text, plan jsonb, definitions jsonb, removed jsonb) returns void
language plpgsql security definer set search_path = pg_catalog
as $$
begin
    insert into cloche.revisions (id, actor, plan) values (revision, actor, plan);
    insert into cloche.definitions (kind, name, spec)
        select entry ->> 'kind', entry ->> 'name', entry -> 'spec' from jsonb_array_elements(definitions) as entry
        on conflict (kind, name) do update set spec = excluded.spec, updated_at = now()
        where cloche.definitions.spec is distinct from excluded.spec;
    delete from cloche.definitions as kept
        using jsonb_array_elements(removed) as entry
        where kept.kind = entry ->> 'kind' and kept.name = entry ->> 'name';
end
$$;
revoke all on function cloche.record_revision(uuid, text, jsonb, jsonb, jsonb) from public;
grant execute on function cloche.record_revision(uuid, text, jsonb, jsonb, jsonb) to cloche_migrate;

grant usage on schema cloche to cloche_data, cloche_migrate;
grant select on cloche.table_access to cloche_data;
grant select on cloche.deployed to cloche_migrate;
