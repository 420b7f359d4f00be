-- The environment's own users, and how they sign in. Nothing of it is granted to cloche_data: a tenant's function runs as that.

create table cloche.users (
    id uuid primary key,
    -- What the application calls the user, where it mints their tokens itself and its ids are no UUIDs.
    external_id text unique,
    -- In lower case.
    email text unique,
    -- Whether a mail or a provider has shown that the address is theirs; confirmed it may be without.
    email_proven boolean not null default false,
    -- Asked for, and not confirmed yet.
    new_email text,
    password_hash text,
    roles text[] not null default '{}',
    app_metadata jsonb not null default '{}',
    user_metadata jsonb not null default '{}',
    is_anonymous boolean not null default false,
    banned_until timestamptz,
    email_confirmed_at timestamptz,
    confirmation_sent_at timestamptz,
    recovery_sent_at timestamptz,
    email_change_sent_at timestamptz,
    invited_at timestamptz,
    last_sign_in_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index users_created_at on cloche.users (created_at, id);

-- Who a user is to a provider.
create table cloche.identities (
    id uuid primary key,
    user_id uuid not null references cloche.users on delete cascade,
    provider text not null,
    subject text not null,
    data jsonb not null,
    created_at timestamptz not null default now(),
    last_sign_in_at timestamptz not null default now(),
    unique (provider, subject)
);
create index identities_user on cloche.identities (user_id);

create table cloche.sessions (
    id uuid primary key,
    user_id uuid not null references cloche.users on delete cascade,
    -- How it was begun: password, otp, oauth, anonymous.
    method text not null,
    address text,
    user_agent text,
    created_at timestamptz not null default now(),
    refreshed_at timestamptz not null default now()
);
create index sessions_user on cloche.sessions (user_id);

-- Each is used once. The tokens of a session are one family: one that is used again ends all of it.
create table cloche.refresh_tokens (
    hash bytea primary key,
    session_id uuid not null references cloche.sessions on delete cascade,
    created_at timestamptz not null default now(),
    used_at timestamptz
);
create index refresh_tokens_session on cloche.refresh_tokens (session_id);

-- What a mail lets its reader do once: by the link's token, or by the short code together with the address.
create table cloche.one_time_tokens (
    user_id uuid not null references cloche.users on delete cascade,
    kind text not null,
    hash bytea not null unique,
    code_hash bytea not null,
    email text not null,
    -- Of the client that asked, where it keeps a secret for the exchange.
    code_challenge text,
    wrong_codes integer not null default 0,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (user_id, kind)
);

-- Mail that was to be sent, for people to read. Sealed, because links in it are as good as passwords for a while.
create table cloche.mails (
    id uuid primary key,
    kind text not null,
    recipient text not null,
    sealed bytea not null,
    created_at timestamptz not null default now()
);

-- Sign-ins through a provider that are under way, and codes that a client exchanges for a session.
create table cloche.auth_flows (
    id uuid primary key,
    -- Of what the provider sends back, then of the code.
    hash bytea not null unique,
    provider text not null,
    -- What the provider must be shown, sealed.
    sealed bytea not null,
    redirect_to text not null,
    code_challenge text,
    user_id uuid references cloche.users on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

-- Keys that sign access tokens; the newest does. Private parts are sealed.
create table cloche.signing_keys (
    kid text primary key,
    -- The server's address when the key was made: part of what is signed, so it is the same on every server.
    issuer text not null,
    sealed bytea not null,
    created_at timestamptz not null default now()
);

-- One row; what is missing in it has its default.
create table cloche.auth_settings (
    only_row boolean primary key default true check (only_row),
    settings jsonb not null,
    updated_at timestamptz not null default now()
);

-- OpenID providers, with their secrets sealed.
create table cloche.auth_providers (
    name text primary key,
    issuer text not null,
    client_id text not null,
    sealed bytea not null,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
