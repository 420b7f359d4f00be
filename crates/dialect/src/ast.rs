//! What a request asks for.

/// One level of a request: the resource itself, or one embedded in another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Empty at the root: all columns. Empty in an embed, `target()`: none, it is there for filters alone.
    pub select: Vec<Item>,
    /// All of them must hold.
    pub filters: Vec<Node>,
    pub order: Vec<Order>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
    /// Where the page before ended: the text of `after=…`, which a `Link: rel="next"` gave. Only at the root.
    pub after: Option<String>,
    /// `columns=a,b`: what is taken of a body. Only at the root.
    pub columns: Option<Vec<String>>,
    /// `on_conflict=a,b`: what makes two records the same. Only at the root.
    pub on_conflict: Option<Vec<String>>,
}

/// One thing of `select`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `*`
    All,
    /// `alias:column->path::cast`, with `.sum()::cast` behind it for an aggregate.
    Column(Column),
    /// `alias:target!hint!inner(…)`, `...target(…)`
    Embed(Embed),
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What is shown. Its column is empty for `count()` of all records.
    pub field: Field,
    pub alias: Option<String>,
    /// A type, as written: `text`, `numeric(10,2)`, `int4[]`.
    pub cast: Option<String>,
    pub aggregate: Option<Aggregate>,
    /// The type the aggregate's outcome is cast to.
    pub aggregate_cast: Option<String>,
}

/// A column, or a place in the JSON (or composite, or array) in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub column: String,
    pub path: Vec<Step>,
}

/// `->key`, `->0`, `->>key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// A key, or a number where `is_index`.
    pub key: String,
    pub is_index: bool,
    /// `->>`: the outcome is text.
    pub as_text: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Count,
    Sum,
    Avg,
    Min,
    Max,
}

/// Another resource inside the records of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embed {
    pub alias: Option<String>,
    /// A table, view, foreign key column, constraint or computed relationship.
    pub target: String,
    /// `!constraint`, `!column` or `!join_table`: which relationship is meant, where there are several.
    pub hint: Option<String>,
    pub join: Option<Join>,
    /// `...target(…)`: its columns become columns of this level.
    pub spread: bool,
    /// Its own select, filters, order, limit and offset.
    pub query: Query,
}

impl Embed {
    /// Its name in the answer, and in the parameters about it.
    pub fn name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.target)
    }
}

/// What becomes of a record for which there is nothing to embed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// It is left out.
    Inner,
    /// It stays; the default.
    Left,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Filter(Filter),
    /// `and=(…)`, `not.or=(…)`
    Group {
        boolean: Boolean,
        negated: bool,
        nodes: Vec<Node>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boolean {
    And,
    Or,
}

/// A condition on one field. Its column may be the name of an embedded resource, with `is.null` or `not.is.null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub field: Field,
    pub negated: bool,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `eq.x`, `like.*x*` (stars are `%` already), `cs.{a}` …: one value.
    Compare {
        operator: Operator,
        value: String,
    },
    /// `eq(any).{a,b}`: one operator, several values.
    Quantified {
        operator: Operator,
        quantifier: Quantifier,
        values: Vec<String>,
    },
    /// `in.(a,b)`
    In(Vec<String>),
    Is(Is),
    /// `fts(english).cat`: full-text search. The function's name in PostgreSQL follows from the operator.
    Search {
        operator: Operator,
        language: Option<String>,
        value: String,
    },
}

/// Operators that take a value, by their names in the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    Like,
    Ilike,
    /// `match`: a regular expression.
    Match,
    /// `imatch`: the same, ignoring case.
    Imatch,
    /// `isdistinct`
    IsDistinct,
    /// `fts`: to_tsquery
    Fts,
    /// `plfts`: plainto_tsquery
    PlainFts,
    /// `phfts`: phraseto_tsquery
    PhraseFts,
    /// `wfts`: websearch_to_tsquery
    WebFts,
    /// `cs`: contains
    Contains,
    /// `cd`: contained in
    Contained,
    /// `ov`: overlap
    Overlap,
    /// `sl`: strictly left of
    StrictlyLeft,
    /// `sr`: strictly right of
    StrictlyRight,
    /// `nxr`: does not extend to the right of
    NotExtendRight,
    /// `nxl`: does not extend to the left of
    NotExtendLeft,
    /// `adj`: is adjacent to
    Adjacent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    Null,
    NotNull,
    True,
    False,
    Unknown,
}

/// A sort key. What is not said is PostgreSQL's default: ascending, nulls last; descending, nulls first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// `directors(last_name)`: a field of an embedded resource.
    pub relation: Option<String>,
    pub field: Field,
    pub descending: bool,
    pub nulls_first: Option<bool>,
}

/// What `Prefer` says (RFC 7240). What is not said is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    pub returning: Option<Return>,
    pub count: Option<Count>,
    pub resolution: Option<Resolution>,
    pub missing: Option<Missing>,
    pub tx: Option<Tx>,
    pub handling: Option<Handling>,
    pub max_affected: Option<u64>,
    /// `timezone=America/Lima`
    pub timezone: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    Minimal,
    HeadersOnly,
    Representation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Exact,
    Planned,
    Estimated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    MergeDuplicates,
    IgnoreDuplicates,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Default,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tx {
    Commit,
    Rollback,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// What is not understood is refused.
    Strict,
    Lenient,
}
