use serde_json::{Value, json};

use super::{Context, lookup};
use crate::args::{AccessAction, AccessActor, ExplainArgs};
use crate::error::{CliError, Exit, Result};
use crate::model::{AccessMask, AccessRule, Explanation};
use crate::printer::{fields, table};

const EXPLAIN: &str =
    "query ExplainAccess($environmentId: String!, $resource: String!, $action: AccessAction!, $actor: AccessActorInput!) {
  explainAccess(environmentId: $environmentId, resource: $resource, action: $action, actor: $actor) {
    decision reason rows rules { role kind index effect decides text } masks { column mask text rows role index } } }";

/// Explains what the rules say.
pub(crate) async fn run(context: &Context, args: ExplainArgs) -> Result<Exit> {
    let actor = actor(&args)?;
    let environment = lookup::environment(context, None).await?;
    let action = match args.action {
        AccessAction::Read => "READ",
        AccessAction::Create => "CREATE",
        AccessAction::Update => "UPDATE",
        AccessAction::Delete => "DELETE",
        AccessAction::Call => "CALL",
    };
    let variables = json!({ "environmentId": environment.id, "resource": args.resource, "action": action, "actor": actor });
    let explained: Explanation = context.client.query(EXPLAIN, variables).await?;
    context.printer.result(&explained, || text(&explained))?;
    Ok(Exit::Ok)
}

/// Who asks, for the server.
fn actor(args: &ExplainArgs) -> Result<Value> {
    if args.actor == AccessActor::Anon {
        if !args.roles.is_empty() || args.user_id.is_some() || args.claims.is_some() {
            return Err(
                CliError::usage("anon has no roles, id or claims").hint("use --as user with --role, --user-id or --claims")
            );
        }
        return Ok(json!({ "key": "ANON" }));
    }
    let mut actor = json!({ "key": "ANON", "roles": args.roles, "userId": args.user_id });
    if let Some(claims) = &args.claims {
        actor["claims"] = serde_json::from_str(claims)
            .map_err(|error| CliError::usage(format!("--claims is not JSON: {error}")).hint("write --claims '{\"team\": 7}'"))?;
    }
    Ok(actor)
}

fn text(explained: &Explanation) -> String {
    let mut text = fields([
        ("decision", Some(explained.decision.clone())),
        ("why", Some(explained.reason.clone())),
        ("rows", explained.rows.clone()),
    ]);
    if !explained.rules.is_empty() {
        text += "\n";
        text += &table(["RULE", "EFFECT", "DECIDES", "SAYS"], explained.rules.iter().map(rule));
    }
    if !explained.masks.is_empty() {
        text += "\n";
        text += &table(["COLUMN", "MASK", "RULE"], explained.masks.iter().map(mask));
    }
    text
}

fn rule(rule: &AccessRule) -> [String; 4] {
    let effect = rule.effect.clone().unwrap_or_else(|| "-".to_owned());
    let decides = if rule.decides { "yes" } else { "no" };
    [place(rule.role.as_deref(), &rule.kind, rule.index), effect, decides.to_owned(), rule.text.clone()]
}

fn mask(mask: &AccessMask) -> [String; 3] {
    let shown = mask.text.as_deref().map(|text| format!(" as {text}")).unwrap_or_default();
    let words = match &mask.rows {
        Some(rows) => format!("masked{shown} unless {rows}"),
        None => format!("{}{shown}", mask.mask),
    };
    [mask.column.clone(), words, place(Some(&mask.role), "field_mask", Some(mask.index))]
}

/// `author: scope_rules[0]`, as one finds it in the role's file.
fn place(role: Option<&str>, kind: &str, index: Option<usize>) -> String {
    let list = match kind {
        "policy" => "policies",
        "scope_rule" => "scope_rules",
        "field_mask" => "field_masks",
        other => other,
    };
    let role = role.map(|role| format!("{role}: ")).unwrap_or_default();
    let index = index.map(|index| format!("[{index}]")).unwrap_or_default();
    format!("{role}{list}{index}")
}
