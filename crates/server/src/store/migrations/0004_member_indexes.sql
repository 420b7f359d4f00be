-- Every request of a member asks where they belong, and lists of members when they were last seen.

create index organization_members_member on organization_members (member_id);
create index project_members_member on project_members (member_id);
create index access_tokens_member on access_tokens (member_id);
