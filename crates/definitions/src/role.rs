//! Roles in their normal form: what somebody may do with which resource, which of its rows, and which columns they see.
//!
//! The normal form is written in the words of the files, so that what is read back can be given again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The role of requests without a signed-in user.
pub const ANON: &str = "anon";
/// The role that every signed-in user has.
pub const USER: &str = "user";

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub policies: Vec<Policy>,
    #[serde(default)]
    pub scope_rules: Vec<ScopeRule>,
    #[serde(default)]
    pub field_masks: Vec<FieldMask>,
}

/// What may, or may not, be done with a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub resource: Resource,
    pub actions: BTreeSet<Operation>,
    #[serde(default)]
    pub effect: Effect,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    #[default]
    Allow,
    Deny,
}

impl Effect {
    /// As the files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// A condition on the rows that the role reaches; a row must meet all of a role's for the same resource and action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeRule {
    pub resource: Resource,
    pub field: String,
    pub operator: Comparison,
    pub value: Operand,
    pub actions: BTreeSet<Operation>,
}

/// Which columns the role does not see as they are: those named, or all but those allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMask {
    pub resource: Resource,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Masking>,
    /// All others are hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<BTreeSet<String>>,
}

/// What becomes of a masked column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Masking {
    Hide,
    /// Shown as this text.
    Redact(String),
}

/// The text of `redact` without one.
pub const REDACTED: &str = "***";

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    Read,
    Create,
    Update,
    Delete,
    /// Of functions.
    Call,
}

impl Operation {
    /// What can be done with rows.
    pub const OF_ROWS: [Self; 4] = [Self::Read, Self::Create, Self::Update, Self::Delete];
    pub const ALL: [Self; 5] = [Self::Read, Self::Create, Self::Update, Self::Delete, Self::Call];

    /// As the files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Call => "call",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    Table(String),
    View(String),
    Function(String),
    /// `view:*`
    AnyView,
    /// `function:*`
    AnyFunction,
    /// `*`
    Any,
}

impl Resource {
    /// What can be done with it.
    pub fn operations(&self) -> &'static [Operation] {
        match self {
            Self::Table(_) | Self::View(_) | Self::AnyView => &Operation::OF_ROWS,
            Self::Function(_) | Self::AnyFunction => &[Operation::Call],
            Self::Any => &Operation::ALL,
        }
    }

    /// Reads `posts`, `table:posts`, `view:recent`, `function:search`, `view:*`, `function:*` or `*`.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(match text.split_once(':') {
            None if text == "*" => Self::Any,
            Some(("view", "*")) => Self::AnyView,
            Some(("function", "*")) => Self::AnyFunction,
            Some((_, "" | "*")) => return None,
            None if text.is_empty() => return None,
            None | Some(("table", _)) => Self::Table(text.strip_prefix("table:").unwrap_or(text).to_owned()),
            Some(("view", name)) => Self::View(name.to_owned()),
            Some(("function", name)) => Self::Function(name.to_owned()),
            Some(_) => return None,
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(out, "{name}"),
            Self::View(name) => write!(out, "view:{name}"),
            Self::Function(name) => write!(out, "function:{name}"),
            Self::AnyView => write!(out, "view:*"),
            Self::AnyFunction => write!(out, "function:*"),
            Self::Any => write!(out, "*"),
        }
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is no resource")))
    }
}

/// How a column and a value are compared. Null in the column meets none of them but `is_null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    /// The column is one of a list of values.
    In,
    /// Null with `true`, not null with `false`.
    IsNull,
    /// The column, an array, has the value, or all values of the list.
    Contains,
}

impl Comparison {
    pub const NAMES: [&str; 9] = ["eq", "neq", "gt", "gte", "lt", "lte", "in", "is_null", "contains"];
    const ALL: [Self; 9] =
        [Self::Eq, Self::Neq, Self::Gt, Self::Gte, Self::Lt, Self::Lte, Self::In, Self::IsNull, Self::Contains];

    /// As the files spell it.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What a column is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A literal, in PostgreSQL's text form.
    Text(String),
    List(Vec<String>),
    Actor(ActorValue),
}

/// Something about whoever sends the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorValue {
    /// `actor.userId`
    UserId,
    /// `actor.email`
    Email,
    /// `actor.roles`: a list.
    Roles,
    /// `actor.claims.a.b`: a place in the token's claims; a list where there is one.
    Claim(Vec<String>),
}

/// Claims that users write themselves: a rule by one of them would be none.
const OF_USERS: [&str; 3] = ["user_metadata", "email", "phone"];

impl ActorValue {
    pub const NAMES: [&str; 4] = ["actor.userId", "actor.email", "actor.roles", "actor.claims.<name>"];

    pub fn from_text(text: &str) -> Option<Self> {
        match text.strip_prefix("actor.")? {
            "userId" => Some(Self::UserId),
            "email" => Some(Self::Email),
            "roles" => Some(Self::Roles),
            rest => {
                let path: Vec<String> = rest.strip_prefix("claims.")?.split('.').map(str::to_owned).collect();
                if path.first().is_some_and(|first| OF_USERS.contains(&first.as_str())) {
                    return None;
                }
                (!path.iter().any(String::is_empty)).then_some(Self::Claim(path))
            }
        }
    }
}

impl fmt::Display for ActorValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserId => write!(out, "actor.userId"),
            Self::Email => write!(out, "actor.email"),
            Self::Roles => write!(out, "actor.roles"),
            Self::Claim(path) => write!(out, "actor.claims.{}", path.join(".")),
        }
    }
}

/// How an operand stands in JSON: as in the files.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    List(Vec<String>),
    /// A literal that looks like something about the actor.
    Literal {
        text: String,
    },
}

impl Serialize for Operand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::Text(text) if text.starts_with("actor.") => Written::Literal { text: text.clone() },
            Self::Text(text) => Written::Text(text.clone()),
            Self::List(list) => Written::List(list.clone()),
            Self::Actor(value) => Written::Text(value.to_string()),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(text) if text.starts_with("actor.") => Self::Actor(
                ActorValue::from_text(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is nothing about the actor")))?,
            ),
            Written::Text(text) | Written::Literal { text } => Self::Text(text),
            Written::List(list) => Self::List(list),
        })
    }
}

impl Role {
    /// "2 policies, 1 scope rule and 1 field mask", for people.
    pub(crate) fn parts(&self) -> String {
        let count = |number: usize, noun: &str, plural: &str| format!("{number} {}", if number == 1 { noun } else { plural });
        let parts: Vec<String> = [
            (self.policies.len(), "policy", "policies"),
            (self.scope_rules.len(), "scope rule", "scope rules"),
            (self.field_masks.len(), "field mask", "field masks"),
        ]
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, noun, plural)| count(number, noun, plural))
        .collect();
        match parts.split_last() {
            None => "no rules".into(),
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        }
    }

    /// What it allows, or denies.
    fn granted(&self, effect: Effect) -> BTreeSet<(&Resource, Operation)> {
        let policies = self.policies.iter().filter(|policy| policy.effect == effect);
        policies.flat_map(|policy| policy.actions.iter().map(|action| (&policy.resource, *action))).collect()
    }

    /// Whether somebody may do or see less with `self` than with `before`, as far as the rules' words tell.
    pub(crate) fn gives_less_than(&self, before: &Self) -> bool {
        let less = !before.granted(Effect::Allow).is_subset(&self.granted(Effect::Allow));
        let denies = !self.granted(Effect::Deny).is_subset(&before.granted(Effect::Deny));
        let scopes = self.scope_rules.iter().any(|rule| !before.scope_rules.contains(rule));
        let masks = self.field_masks.iter().any(|mask| !before.field_masks.contains(mask));
        less || denies || scopes || masks
    }
}
