-- Who made a token has seen it. Null for one's own, and for those made before this was written down.
alter table access_tokens add column made_by uuid references members on delete set null;

-- Every request of a member asks where they belong, and lists of members when they were last seen.
create index organization_members_member on organization_members (member_id);
create index project_members_member on project_members (member_id);
create index access_tokens_member on access_tokens (member_id);
create index access_tokens_made_by on access_tokens (made_by) where made_by is not null;
