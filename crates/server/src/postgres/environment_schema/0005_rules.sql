-- What the data login may see of the definitions: who may do what. It replaces cloche.table_access, which older servers still read.
create view cloche.access_rules as
    select kind, name, case kind when 'role' then spec else coalesce(spec -> 'access', '{}') end as spec
    from cloche.definitions
    where kind in ('table', 'role');

grant select on cloche.access_rules to cloche_data;
