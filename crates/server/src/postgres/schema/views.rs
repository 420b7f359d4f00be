//! Foreign keys of views: a view that shows the columns of a key can be embedded by it as its table can.
//!
//! Where a view's column comes from is told by the query in its rewrite rule, which PostgreSQL keeps as a tree of nodes.

use std::collections::HashMap;

use super::relationships::ForeignKey;

/// A view on a view on a view: more is followed by nobody.
const MAX_DEPTH: usize = 8;
/// Keys found in views, at most: views that join many tables have the product of them.
const MAX_KEYS: usize = 5_000;

/// A column, by the number of its table and its own.
type Origin = (u32, i32);

/// A view and where its columns come from.
pub(super) struct View {
    pub(super) oid: u32,
    pub(super) name: String,
    /// By the column's number in the view.
    origins: HashMap<i32, Origin>,
}

impl View {
    /// Reads the tree of the view's query.
    pub(super) fn of(oid: u32, name: String, tree: &str) -> Self {
        Self { oid, name, origins: origins(tree) }
    }
}

/// What columns are called, by their table's number and their own.
pub(super) type Names = HashMap<Origin, (String, String)>;

/// What a view's columns are called, by the tables and columns they come from.
type Shown<'n> = HashMap<(&'n str, &'n str), &'n str>;

/// The keys that views have by those of tables: from views, to views, and between them.
pub(super) fn keys(views: &[View], keys: &[ForeignKey], names: &Names) -> Vec<ForeignKey> {
    let by_oid: HashMap<u32, &View> = views.iter().map(|view| (view.oid, view)).collect();
    // Of each view: what its columns are called, by table and column they come from.
    let shown: Vec<(&View, Shown<'_>)> = views.iter().map(|view| (view, shown(view, &by_oid, names))).collect();
    let mut found = Vec::new();
    for key in keys {
        let stand_ins = |table: &str, columns: Vec<&str>| -> Vec<(String, Vec<String>)> {
            let of_view = |(view, shown): &(&View, Shown<'_>)| {
                let columns = columns.iter().map(|column| shown.get(&(table, *column)).map(|name| (*name).to_owned()));
                Some((view.name.clone(), columns.collect::<Option<Vec<_>>>()?))
            };
            shown.iter().filter_map(of_view).collect()
        };
        let here: Vec<&str> = key.columns.iter().map(|(here, _)| here.as_str()).collect();
        let there: Vec<&str> = key.columns.iter().map(|(_, there)| there.as_str()).collect();
        let own = |table: &str, columns: &[&str]| (table.to_owned(), columns.iter().map(|name| (*name).to_owned()).collect());
        let mut from = vec![own(&key.table, &here)];
        from.extend(stand_ins(&key.table, here));
        let mut to = vec![own(&key.foreign, &there)];
        to.extend(stand_ins(&key.foreign, there));
        for (at, (table, here)) in from.iter().enumerate() {
            for (other, (foreign, there)) in to.iter().enumerate().filter(|(other, _)| at + other > 0) {
                if found.len() == MAX_KEYS {
                    return found;
                }
                let columns = here.iter().cloned().zip(there.iter().cloned()).collect();
                // A view may show a record several times.
                let is_unique = key.is_unique && at == 0;
                let (table, foreign) = (table.clone(), foreign.clone());
                found.push(ForeignKey { name: key.name.clone(), table, foreign, columns, is_unique, to_view: other > 0 });
            }
        }
    }
    found
}

/// The names of a view's columns by the tables and columns they come from, through other views.
fn shown<'n>(view: &View, views: &HashMap<u32, &View>, names: &'n Names) -> Shown<'n> {
    let mut found = HashMap::new();
    for (number, origin) in &view.origins {
        let mut origin = *origin;
        for _ in 0..MAX_DEPTH {
            match views.get(&origin.0).and_then(|view| view.origins.get(&origin.1)) {
                Some(further) => origin = *further,
                None => break,
            }
        }
        if let (Some((table, column)), Some((_, name))) = (names.get(&origin), names.get(&(view.oid, *number))) {
            // Shown twice, the first name counts.
            let key = (table.as_str(), column.as_str());
            let first = found.entry(key).or_insert(name.as_str());
            if name.as_str() < *first {
                *first = name;
            }
        }
    }
    found
}

/// The origins of the outermost query's columns, by their numbers.
fn origins(tree: &str) -> HashMap<i32, Origin> {
    let mut found = HashMap::new();
    let mut depth = 0usize;
    // Inside the outermost query's own list of outputs, and the entry being read.
    let (mut in_list, mut entry): (Option<usize>, [i64; 3]) = (None, [0; 3]);
    let mut field = "";
    for token in tokens(tree) {
        match token {
            "(" | "{" => {
                if token == "(" && field == ":targetList" && in_list.is_none() && depth == 2 {
                    in_list = Some(depth + 1);
                }
                depth += 1;
                field = "";
            }
            ")" | "}" => {
                depth = depth.saturating_sub(1);
                if in_list.is_some_and(|list| depth == list) && token == "}" {
                    if let [number, table, column] = entry
                        && table > 0
                        && column > 0
                    {
                        found.insert(number as i32, (table as u32, column as i32));
                    }
                    entry = [0; 3];
                }
                if in_list.is_some_and(|list| depth < list) {
                    return found;
                }
            }
            token if token.starts_with(':') => field = token,
            token => {
                let at = [":resno", ":resorigtbl", ":resorigcol"].iter().position(|name| *name == field);
                if let (Some(at), true) = (at, in_list.is_some_and(|list| depth == list + 1)) {
                    entry[at] = token.parse().unwrap_or(0);
                }
                field = "";
            }
        }
    }
    found
}

/// Brackets and words of a tree. A backslash makes the next character part of a word.
fn tokens(tree: &str) -> impl Iterator<Item = &str> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        if matches!(first, '(' | ')' | '{' | '}') {
            let (token, after) = rest.split_at(1);
            rest = after;
            return Some(token);
        }
        let mut escaped = false;
        let end = rest.find(|character: char| {
            let ends = !escaped && (character.is_whitespace() || matches!(character, '(' | ')' | '{' | '}'));
            escaped = !escaped && character == '\\';
            ends
        });
        let (token, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = r#"({QUERY :commandType 1 :cteList <> :rtable ({RANGETBLENTRY :eref {ALIAS :aliasname p :colnames ("id" "a\{b")}
        :subquery {QUERY :targetList ({TARGETENTRY :expr {VAR :varno 1} :resno 1 :resorigtbl 99 :resorigcol 9})}})
        :targetList ({TARGETENTRY :expr {VAR :varno 1 :varattno 1} :resno 1 :resname id :ressortgroupref 0 :resorigtbl 16385 :resorigcol 1 :resjunk false}
        {TARGETENTRY :expr {FUNCEXPR :args ({VAR :varno 1 :resno 7})} :resno 2 :resname we\ ird :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false}
        {TARGETENTRY :expr {VAR} :resno 3 :resname author :resorigtbl 16385 :resorigcol 4 :resjunk false}) :override 0 :groupClause ({X :resno 5})})"#;

    #[test]
    fn reads_where_columns_come_from() {
        assert_eq!(origins(TREE), HashMap::from([(1, (16385, 1)), (3, (16385, 4))]));
        assert_eq!(origins("<>"), HashMap::new());
        assert_eq!(origins("({QUERY :targetList <> :rest ({TARGETENTRY :resno 1})})"), HashMap::new());
    }

    #[test]
    fn a_view_has_the_keys_of_what_it_shows() {
        let view = View::of(20000, "recent".into(), TREE);
        let name = |table: &str, column: &str| (table.to_owned(), column.to_owned());
        let names = HashMap::from([
            ((16385, 1), name("posts", "id")),
            ((16385, 4), name("posts", "author_id")),
            ((20000, 1), name("recent", "id")),
            ((20000, 3), name("recent", "author")),
        ]);
        let key = |table: &str, pair: (&str, &str), foreign: &str, to_view| ForeignKey {
            name: "fkey".into(),
            table: table.into(),
            foreign: foreign.into(),
            columns: vec![(pair.0.into(), pair.1.into())],
            is_unique: false,
            to_view,
        };
        let of_tables = [key("posts", ("author_id", "id"), "authors", false), key("comments", ("post_id", "id"), "posts", false)];
        let found = keys(&[view], &of_tables, &names);
        assert_eq!(
            found,
            [key("recent", ("author", "id"), "authors", false), key("comments", ("post_id", "id"), "recent", true)]
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(tree in "(:targetList|:resno|\\{|\\}|\\(|\\)| |1|\\\\|é){0,40}") {
            origins(&tree);
        }
    }
}
