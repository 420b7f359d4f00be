//! Writes a query back as text. Names, keys and values are all put in quotes, so that whatever they hold comes through.

use cloche_dialect::{
    Aggregate, Boolean, Column, Embed, Field, Filter, Is, Item, Join, Node, Operator, Order, Quantifier, Query, Test,
};

/// The query string that asks for this.
pub fn print(query: &Query) -> String {
    let mut pairs = Vec::new();
    if !query.select.is_empty() {
        pairs.push(("select".to_owned(), select(&query.select)));
    }
    for (key, names) in [("columns", &query.columns), ("on_conflict", &query.on_conflict)] {
        pairs.extend(names.as_ref().map(|names| (key.to_owned(), join(names, |name| quote(name)))));
    }
    pairs.extend(query.after.clone().map(|after| ("after".to_owned(), after)));
    level(query, "", &mut pairs);
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    pairs.join("&")
}

/// Percent-encoded, every byte that is no letter or digit.
pub fn encode(text: &str) -> String {
    let byte = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    text.bytes().map(byte).collect()
}

pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn join<T>(items: &[T], print: impl Fn(&T) -> String) -> String {
    items.iter().map(print).collect::<Vec<_>>().join(",")
}

/// The parameters of a level and of those in it. `prefix` names the level, with a point at its end.
fn level(query: &Query, prefix: &str, pairs: &mut Vec<(String, String)>) {
    for node in &query.filters {
        pairs.push(match node {
            Node::Filter(filter) => (format!("{prefix}{}", field(&filter.field)), condition(filter, false)),
            Node::Group { boolean, negated, nodes } => {
                (format!("{prefix}{}", opening(*boolean, *negated)), format!("({})", join(nodes, tree)))
            }
        });
    }
    if !query.order.is_empty() {
        pairs.push((format!("{prefix}order"), join(&query.order, order)));
    }
    pairs.extend(query.limit.map(|limit| (format!("{prefix}limit"), limit.to_string())));
    pairs.extend(query.offset.map(|offset| (format!("{prefix}offset"), offset.to_string())));
    let embeds: Vec<&Embed> =
        query.select.iter().filter_map(|item| if let Item::Embed(embed) = item { Some(embed) } else { None }).collect();
    for (position, embed) in embeds.iter().enumerate() {
        // Where another has the same name before it, its table's name is what reaches it.
        let first = embeds.iter().position(|other| other.name() == embed.name()) == Some(position);
        let name = if first { embed.name() } else { &embed.target };
        level(&embed.query, &format!("{prefix}{}.", quote(name)), pairs);
    }
}

fn select(items: &[Item]) -> String {
    join(items, |item| match item {
        Item::All => "*".to_owned(),
        Item::Column(item) => column(item),
        Item::Embed(item) => embed(item),
    })
}

fn column(column: &Column) -> String {
    let mut text = String::new();
    if let Some(alias) = &column.alias {
        text += &format!("{}:", quote(alias));
    }
    if column.field.column.is_empty() {
        text += "count()";
    } else {
        text += &field(&column.field);
        if let Some(cast) = &column.cast {
            text += &format!("::{cast}");
        }
        text += match column.aggregate {
            None => "",
            Some(Aggregate::Count) => ".count()",
            Some(Aggregate::Sum) => ".sum()",
            Some(Aggregate::Avg) => ".avg()",
            Some(Aggregate::Min) => ".min()",
            Some(Aggregate::Max) => ".max()",
        };
    }
    if let Some(cast) = &column.aggregate_cast {
        text += &format!("::{cast}");
    }
    text
}

fn embed(embed: &Embed) -> String {
    let alias = embed.alias.as_ref().map(|alias| format!("{}:", quote(alias))).unwrap_or_default();
    let spread = if embed.spread { "..." } else { "" };
    let hint = embed.hint.as_ref().map(|hint| format!("!{}", quote(hint))).unwrap_or_default();
    let join = match embed.join {
        None => "",
        Some(Join::Inner) => "!inner",
        Some(Join::Left) => "!left",
    };
    format!("{alias}{spread}{}{hint}{join}({})", quote(&embed.target), select(&embed.query.select))
}

fn field(field: &Field) -> String {
    let mut text = quote(&field.column);
    for step in &field.path {
        text += if step.as_text { "->>" } else { "->" };
        text += &if step.is_index { step.key.clone() } else { quote(&step.key) };
    }
    text
}

fn order(order: &Order) -> String {
    let key = field(&order.field);
    let key = order.relation.as_ref().map_or(key.clone(), |relation| format!("{}({key})", quote(relation)));
    let direction = if order.descending { ".desc" } else { "" };
    let nulls = match order.nulls_first {
        None => "",
        Some(true) => ".nullsfirst",
        Some(false) => ".nullslast",
    };
    format!("{key}{direction}{nulls}")
}

fn opening(boolean: Boolean, negated: bool) -> String {
    let word = if boolean == Boolean::And { "and" } else { "or" };
    if negated { format!("not.{word}") } else { word.to_owned() }
}

fn tree(node: &Node) -> String {
    match node {
        Node::Filter(filter) => format!("{}.{}", field(&filter.field), condition(filter, true)),
        Node::Group { boolean, negated, nodes } => format!("{}({})", opening(*boolean, *negated), join(nodes, tree)),
    }
}

fn condition(filter: &Filter, in_tree: bool) -> String {
    let not = if filter.negated { "not." } else { "" };
    let value = |text: &String| if in_tree { quote(text) } else { text.clone() };
    let test = match &filter.test {
        Test::Compare { operator, value: text } => format!("{}.{}", word(*operator), value(text)),
        Test::Quantified { operator, quantifier, values } => {
            let quantifier = if *quantifier == Quantifier::Any { "any" } else { "all" };
            format!("{}({quantifier}).{}", word(*operator), value(&format!("{{{}}}", join(values, |value| quote(value)))))
        }
        Test::In(values) => format!("in.({})", join(values, |value| quote(value))),
        Test::Is(is) => {
            let word = match is {
                Is::Null => "null",
                Is::NotNull => "not_null",
                Is::True => "true",
                Is::False => "false",
                Is::Unknown => "unknown",
            };
            format!("is.{word}")
        }
        Test::Search { operator, language, value: text } => {
            let language = language.as_ref().map(|language| format!("({language})")).unwrap_or_default();
            format!("{}{language}.{}", word(*operator), value(text))
        }
    };
    format!("{not}{test}")
}

fn word(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "eq",
        Operator::Neq => "neq",
        Operator::Gt => "gt",
        Operator::Gte => "gte",
        Operator::Lt => "lt",
        Operator::Lte => "lte",
        Operator::Like => "like",
        Operator::Ilike => "ilike",
        Operator::Match => "match",
        Operator::Imatch => "imatch",
        Operator::IsDistinct => "isdistinct",
        Operator::Fts => "fts",
        Operator::PlainFts => "plfts",
        Operator::PhraseFts => "phfts",
        Operator::WebFts => "wfts",
        Operator::Contains => "cs",
        Operator::Contained => "cd",
        Operator::Overlap => "ov",
        Operator::StrictlyLeft => "sl",
        Operator::StrictlyRight => "sr",
        Operator::NotExtendRight => "nxr",
        Operator::NotExtendLeft => "nxl",
        Operator::Adjacent => "adj",
    }
}
