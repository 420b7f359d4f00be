//! Which tables and columns a request of the data plane uses, for the counters.

use cloche_dialect::{Item, Node, Query};

use crate::postgres::query::Context;
use crate::postgres::schema::{Table, Verb};
use crate::postgres::scope::EnvironmentScope;

/// Counts a request to a table: the columns it selects, filters and orders by, those it writes, and what it embeds.
pub(crate) fn note(
    scope: &EnvironmentScope,
    context: &Context<'_>,
    table: &Table,
    verb: Verb,
    query: &Query,
    written: &[String],
) {
    scope.used(&table.name, verb, |count| {
        let mut known = |name: &str| {
            if table.column(name).is_some() {
                count(name);
            }
        };
        written.iter().for_each(|name| known(name));
        columns(query, &mut known);
    });
    for item in &query.select {
        // One that is named by its column or key is not followed: that would cost more than counting is worth.
        if let Item::Embed(embed) = item
            && let Some(table) = context.schema.table(&embed.target)
        {
            note(scope, context, table, Verb::Read, &embed.query, &[]);
        }
    }
}

fn columns(query: &Query, count: &mut dyn FnMut(&str)) {
    for item in &query.select {
        if let Item::Column(column) = item {
            count(&column.field.column);
        }
    }
    filtered(&query.filters, count);
    query.order.iter().filter(|order| order.relation.is_none()).for_each(|order| count(&order.field.column));
}

fn filtered(nodes: &[Node], count: &mut dyn FnMut(&str)) {
    for node in nodes {
        match node {
            Node::Filter(filter) => count(&filter.field.column),
            Node::Group { nodes, .. } => filtered(nodes, count),
        }
    }
}
