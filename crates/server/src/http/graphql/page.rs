//! Lists in pages.

use async_graphql::SimpleObject;

use crate::error::{Error, Result};
use crate::store::{Page, Slice};

/// Entries of a page when nothing is said, and at most.
const DEFAULT_PAGE: i32 = 50;
const MAX_PAGE: i32 = 200;

/// Where a page ends and whether another follows.
#[derive(SimpleObject)]
pub(super) struct PageInfo {
    /// Pass it as `after` for the next page.
    end_cursor: Option<String>,
    has_next_page: bool,
}

/// The part of a list that `first` and `after` ask for.
pub(super) fn slice(first: Option<i32>, after: Option<String>) -> Result<Slice> {
    let first = first.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&first) {
        return Err(Error::bad_input("page/first", format!("`first` is 1 to {MAX_PAGE}.")));
    }
    Ok(Slice { first: first.into(), after })
}

/// Turns a page into its GraphQL form.
pub(super) fn page<T, N>(page: Page<T>, cursor: impl Fn(&T) -> String, node: impl Fn(T) -> N) -> (Vec<N>, PageInfo) {
    let info = PageInfo { end_cursor: page.nodes.last().map(cursor), has_next_page: page.more };
    (page.nodes.into_iter().map(node).collect(), info)
}
