-- How many migrations of schema `cloche` an environment's database has had at least: servers bring older ones up to date before they use
-- them. Those that are there have the first.
alter table environments add column schema_version integer not null default 1;
