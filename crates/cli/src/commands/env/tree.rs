use serde_json::json;

use super::{Context, lookup};
use crate::error::{Exit, Result};
use crate::model::TreeNode;

const TREE: &str = "query EnvironmentTree($projectId: String!) {
  environmentTree(projectId: $projectId) { depth environment { ...EnvironmentFields } } }";

/// Shows which environment was branched from which.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let project = lookup::project(context).await?;
    let nodes: Vec<TreeNode> = context.client.query(TREE, json!({ "projectId": project.id })).await?;
    context.printer.result(&nodes, || draw(&nodes))?;
    Ok(Exit::Ok)
}

/// One line a node; nodes come depth first.
fn draw(nodes: &[TreeNode]) -> String {
    let line = |(at, node): (usize, &TreeNode)| {
        let environment = &node.environment;
        // Whether another child of the ancestor at `depth` follows decides what is drawn in that column.
        let follows =
            |depth: usize| nodes[at + 1..].iter().take_while(|later| later.depth >= depth).any(|later| later.depth == depth);
        let mut text: String = (1..node.depth).map(|depth| if follows(depth) { "│  " } else { "   " }).collect();
        if node.depth > 0 {
            text += if follows(node.depth) { "├─ " } else { "└─ " };
        }
        let mode = environment.branch_mode.as_ref().map(|mode| format!(", {mode} branch")).unwrap_or_default();
        format!("{text}{} ({}{mode}, {})\n", environment.name, environment.kind, environment.status)
    };
    nodes.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(depth: usize, name: &str) -> TreeNode {
        let environment = json!({
            "id": name, "projectId": "p", "name": name, "type": "custom", "status": "active", "protected": false,
            "holdsProductionData": false, "createdAt": "", "updatedAt": "", "branchMode": if depth > 0 { Some("full") } else { None },
        });
        TreeNode { depth, environment: serde_json::from_value(environment).unwrap() }
    }

    #[test]
    fn a_tree() {
        let nodes = [node(0, "dev"), node(1, "a"), node(2, "b"), node(3, "c"), node(1, "d")];
        let expected = "dev (custom, active)
├─ a (custom, full branch, active)
│  └─ b (custom, full branch, active)
│     └─ c (custom, full branch, active)
└─ d (custom, full branch, active)
";
        assert_eq!(draw(&nodes), expected);
    }
}
