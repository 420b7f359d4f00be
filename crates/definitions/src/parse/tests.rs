use super::*;

fn errors(files: &[(&str, &str)]) -> String {
    let files: Vec<SourceFile> =
        files.iter().map(|(path, content)| SourceFile { path: (*path).into(), content: (*content).into() }).collect();
    parse(&files).expect_err("a mistake").iter().map(|it| format!("{it}\n")).collect()
}

fn table(content: &str) -> Result<Table, Vec<Diagnostic>> {
    let file = SourceFile { path: "tables/t.yaml".into(), content: content.into() };
    parse(&[file]).map(|mut definitions| definitions.tables.remove("t").expect("the table of the file"))
}

#[test]
fn both_spellings_are_one_definition() {
    let long = "columns: {id: {type: bigint, primary_key: true}, a: {type: text}, t: {type: timestamp with time zone}}
indexes: [{columns: [a, t desc nulls first], method: btree, unique: false}]
access: {anon: [read]}";
    let short =
        "columns:\n  id: int8\n  a: text\n  t: timestamptz\nprimary_key: id\nindexes: [[a, t desc]]\naccess: {anon: read}";
    assert_eq!(table(long), table(short));
}

#[test]
fn defaults_keep_their_text() {
    let table =
        table("columns: {a: {type: numeric, default: 1.50}, b: {type: bool, default: false}, c: {type: text, default: null}}")
            .unwrap();
    let defaults: Vec<Option<&str>> = table.columns.iter().map(|column| column.default.as_deref()).collect();
    assert_eq!(defaults, [Some("1.50"), Some("false"), None]);
}

#[test]
fn indexes_in_all_forms() {
    let table = table(
        "columns: {a: text, b: text, v: vector(3)}
indexes:
  - a
  - [a, b desc nulls last]
  - [lower(a)]
  - { columns: [v vector_cosine_ops], method: hnsw }
  - { columns: [a], where: b = 'x', unique: true }
  - { columns: [(a || b)], name: both }",
    )
    .unwrap();
    let sql: Vec<String> = table.indexes.iter().map(|index| crate::sql::create_index("t", index)).collect();
    insta::assert_snapshot!(sql.join("\n"), @r#"
CREATE INDEX "t_a_idx" ON public."t" USING btree ("a")
CREATE INDEX "t_a_b_idx" ON public."t" USING btree ("a", "b" DESC NULLS LAST)
CREATE INDEX "t_lower_idx" ON public."t" USING btree ((lower(a)))
CREATE INDEX "t_v_idx" ON public."t" USING hnsw ("v" vector_cosine_ops)
CREATE UNIQUE INDEX "t_a_idx1" ON public."t" USING btree ("a") WHERE (b = 'x')
CREATE INDEX "both" ON public."t" USING btree (((a || b)))
"#);
}

#[test]
fn every_mistake_of_a_table_is_told() {
    let found = errors(&[(
        "tables/posts.yaml",
        "columns:
  id: { type: uuid, primary_key: true, nullable: true }
  Title: text
  status: { type: post_statu, defualt: draft }
  kind: { type: text, default: draft }
  size: { type: serial }
  amount: { type: numeric(10, 2) }
  author_id: { type: integer, references: author.id, on_delete: casacde }
  parent_id: { type: text, references: posts.id, on_delete: set null }
  other_id: { type: uuid, on_delete: cascade }
  n: { type: text, identity: yes }
  m: { type: text, identity: true }
  xmin: text
  empty:
  q: { type: text, default: \"1; drop table x\", check: (q }
index: []
indexes: [[titel], { columns: [n], method: tree }, [a b c]]
uniques: [[kind], [kind]]
checks: { pg_x: 1 = 1 }
access: { anon: [reed], users: [read] }
comment: [a]",
    )]);
    insta::assert_snapshot!(found, @r#"
tables/posts.yaml:2:3: `id` is part of the primary key and cannot be null (remove `nullable: true`)
tables/posts.yaml:3:3: `Title` is not a name: use a–z, 0–9 and `_`, begin with a letter or `_`, at most 63 characters
tables/posts.yaml:4:19: unknown type `post_statu` (use a type of PostgreSQL, or the name of a file in `enums/`)
tables/posts.yaml:4:31: unknown key `defualt` in a column (did you mean `default`?)
tables/posts.yaml:5:32: `draft` is not a value (`default` is SQL: write the text as `"'draft'"`, or call a function as `draft()`)
tables/posts.yaml:6:17: unknown type `serial` (write `bigint` with `identity: true`)
tables/posts.yaml:7:19: `numeric(10` is not a type: its parentheses do not match (inside `{ }` quote a type that has a comma or brackets: `"numeric(10,2)"`, `"text[]"`)
tables/posts.yaml:7:31: unknown key `2)` in a column (known here: type, nullable, default, primary_key, unique, references, on_delete, on_update, identity, check, comment, renamed_from)
tables/posts.yaml:8:43: there is no table `author` (add `tables/author.yaml`)
tables/posts.yaml:8:65: `casacde` is not something `on_delete` can do (did you mean `cascade`?)
tables/posts.yaml:9:40: `parent_id` is text, but `posts.id` is uuid (give both columns the same type)
tables/posts.yaml:9:40: `set_null` would put NULL into `parent_id`, which is never null (add `nullable: true` to `parent_id`, or choose another action)
tables/posts.yaml:10:38: `on_delete` and `on_update` need `references` (add `references: table.column`)
tables/posts.yaml:11:30: `identity` must be `true` or `false`
tables/posts.yaml:12:6: `identity` needs the type `bigint`, `integer` or `smallint`
tables/posts.yaml:13:3: `xmin` is not accepted: every table of PostgreSQL has a hidden column of that name
tables/posts.yaml:14:8: the column `empty` has no type (write `empty: text` or `empty: { type: text }`)
tables/posts.yaml:15:29: `default`: `;` is not accepted: one expression, not statements
tables/posts.yaml:15:55: `check`: `)` is missing in `(q`
tables/posts.yaml:16:1: unknown key `index` in a table (known here: columns, primary_key, indexes, foreign_keys, uniques, checks, access, comment, renamed_from)
tables/posts.yaml:17:11: the table has no column `titel` (known here: id, Title, status, kind, size, amount, author_id, parent_id, other_id, n, m, xmin, empty, q)
tables/posts.yaml:17:20: unknown index method `tree` (did you mean `btree`?)
tables/posts.yaml:17:53: `a b c` is not a column of an index (write `name`, `name desc`, or an expression with parentheses: `lower(name)`)
tables/posts.yaml:18:19: the table has two constraints named `posts_kind_key` (remove one of the two, or give it another `name`)
tables/posts.yaml:19:11: `pg_x` is not accepted: names beginning with `pg_` belong to PostgreSQL
tables/posts.yaml:20:18: unknown verb `reed` (did you mean `read`?)
tables/posts.yaml:20:25: unknown key `users` in `access` (did you mean `user`?)
tables/posts.yaml:21:10: `comment` must be a text, not a list (quote it: `"…"`)
"#);
}

#[test]
fn mistakes_between_files() {
    let found = errors(&[
        ("enums/mood.yaml", "[calm, calm]"),
        ("enums/text.yaml", "[a]"),
        ("enums/none.yaml", "values: []"),
        ("tables/mood.yaml", "columns: {m: {type: mood, default: \"'sad'\"}}"),
        ("tables/a.yaml", "columns: {id: int, no: {type: int, unique: true}}\nprimary_key: [id, gone]\nrenamed_from: b"),
        (
            "tables/b.yaml",
            "columns: {a: {type: uuid, references: a.no}, c: {type: int, references: a.id}, d: {type: int, references: mood}}",
        ),
        ("tables/c.yaml", "columns: {a: {type: int, references: a.on}, old: text, new: {type: text, renamed_from: old}}"),
        ("tables/a_no_key.yaml", "columns: {a: int}"),
        ("tables/bad.yaml", "columns: {a: [}"),
        ("tables/empty.yaml", ""),
        ("tables/sub/x.yaml", "columns: {a: text}"),
        ("tables/x.json", "{}"),
        ("tabels/x.yaml", "columns: {a: text}"),
        ("tables/a.yml", "columns: {a: text}"),
        ("notes.yaml", "a: 1"),
    ]);
    insta::assert_snapshot!(found, @r"
enums/mood.yaml:1:8: the value `calm` is listed twice (keep one of the two)
enums/none.yaml:1:9: the enum has no values (write `values: [first, second]`)
enums/text.yaml: PostgreSQL has a type `text` already (give the enum another name)
notes.yaml: the file is in no folder (definitions belong in: `tables/`, `enums/`, `views/`, `functions/`, `roles/`)
tabels/x.yaml: unknown folder `tabels/` (did you mean `tables`?)
tables/a.yaml:1:44: the name `a_no_key` is taken by the table `a_no_key` (give this one another `name`)
tables/a.yaml:2:14: the table has no column `gone` (known here: id, no)
tables/a.yaml:3:15: the former name `b` belongs to another table as well (remove `renamed_from`, or the one with the former name)
tables/a.yml: `tables/a.yaml` defines the same thing (remove one of the two files)
tables/b.yaml:1:39: `a` is uuid, but `a.no` is integer (give both columns the same type)
tables/b.yaml:1:73: (id) of the table `a` is not unique (point to the primary key, or add `unique: true` to `a.id`)
tables/b.yaml:1:107: the table `mood` has no primary key to point to (name as many columns on both sides)
tables/bad.yaml:1:14: mismatched bracket '[' closed by '}' (check the indentation, and quote values that contain `: `, ` #`, `,`, `[` or `{`)
tables/c.yaml:1:38: the table `a` has no column `on` (did you mean `no`?)
tables/c.yaml:1:88: the former name `old` belongs to another column as well (remove `renamed_from`, or the one with the former name)
tables/empty.yaml:1:1: the table has no columns (write `columns:` with one line a column: `title: text`)
tables/mood.yaml: `mood` is an enum as well (a table and an enum cannot share a name: rename one)
tables/mood.yaml:1:14: `sad` is not a value of the enum `mood` (its values are: calm)
tables/sub/x.yaml: folders in `tables/` are not read (move the file to `tables/`)
tables/x.json: not a YAML file (name it after what it defines: `posts.yaml`)
");
}
