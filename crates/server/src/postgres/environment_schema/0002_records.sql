-- Called in the statements of the data plane, which are refused by it as a whole: 'row' for a record that a rule does not let be
-- written, 'single' and 'affected' for a number of records that was not asked for.
create function cloche.refuse(reason text, number bigint) returns boolean
language plpgsql set search_path = pg_catalog
as $$
begin
    raise exception using
        errcode = case reason when 'single' then 'CL002' when 'affected' then 'CL003' else 'CL001' end,
        message = number::text;
end
$$;
revoke all on function cloche.refuse(text, bigint) from public;
grant execute on function cloche.refuse(text, bigint) to cloche_data;
