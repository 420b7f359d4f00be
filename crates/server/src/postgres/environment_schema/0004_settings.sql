-- How the environment answers the world, and what it remembers of the requests it has answered.

-- One row; what is missing in it has its default.
create table cloche.settings (
    only_row boolean primary key default true check (only_row),
    settings jsonb not null,
    updated_at timestamptz not null default now()
);

-- They are read together with the tables, by the login that reads those. There is nothing secret in them.
create view cloche.environment_settings as
    select settings from cloche.settings;
grant select on cloche.environment_settings to cloche_data;

-- Some of the requests of the last days; never their query, headers or body.
create table cloche.request_log (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    method text not null,
    route text not null,
    resource text,
    status smallint not null,
    micros bigint not null,
    key_id uuid not null,
    user_id uuid,
    request_id text not null,
    address inet
);
create index request_log_at on cloche.request_log (at);

-- All requests, counted, also those that request_log did not keep.
create table cloche.request_days (
    day date primary key,
    requests bigint not null,
    client_errors bigint not null,
    server_errors bigint not null,
    not_kept bigint not null,
    micros bigint not null
);

-- How often which columns were used; an empty name counts the requests to the table.
create table cloche.usage (
    day date not null,
    resource text not null,
    verb text not null,
    column_name text not null,
    count bigint not null,
    primary key (day, resource, verb, column_name)
);
