//! Who may depend on whom.

use super::{Finding, Tree};
use crate::workspace;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// A user of one variant gets none of these.
const TOO_MUCH_FOR_A_VARIANT: [&str; 6] =
    ["image", "clap", "indicatif", "gan-data", "gan-report", "gan-metrics"];

pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let output = workspace::cargo().args(["metadata", "--format-version", "1", "--offline"]).output()?;
    let output = if output.status.success() {
        output
    } else {
        workspace::cargo().args(["metadata", "--format-version", "1"]).output()?
    };
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")?;
    Ok(judge(&Graph::of(&metadata), &tree.variants()))
}

/// Normal dependencies (not those of tests and builds), by package name.
struct Graph(HashMap<String, BTreeSet<String>>);

impl Graph {
    fn of(metadata: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names: HashMap<String, String> =
            list(&metadata["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let name = |id: &Value| names.get(&text(id)).cloned().unwrap_or_default();
        let is_normal = |dep: &Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let nodes = list(&metadata["resolve"]["nodes"]);
        let edges = nodes.iter().map(|node| {
            let deps = list(&node["deps"]);
            (
                name(&node["id"]),
                deps.iter().filter(|dep| is_normal(dep)).map(|dep| name(&dep["pkg"])).collect(),
            )
        });
        let mut graph: HashMap<String, BTreeSet<String>> = HashMap::new();
        for (from, to) in edges {
            graph.entry(from).or_default().extend::<BTreeSet<String>>(to);
        }
        Self(graph)
    }

    /// Everything that a package pulls in.
    fn reach(&self, from: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut open = vec![from.to_owned()];
        while let Some(next) = open.pop() {
            for name in self.0.get(&next).into_iter().flatten() {
                if seen.insert(name.clone()) {
                    open.push(name.clone());
                }
            }
        }
        seen
    }
}

fn judge(graph: &Graph, variants: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut forbid = |from: &str, names: &[String]| {
        let reach = graph.reach(from);
        let found = names.iter().filter(|name| name.as_str() != from && reach.contains(*name));
        findings.extend(found.map(|name| format!("crates/{from}/Cargo.toml: must not pull in `{name}`")));
    };
    let too_much = TOO_MUCH_FOR_A_VARIANT.map(str::to_owned);
    forbid("gan-core", variants);
    forbid("gan-core", &too_much);
    for variant in variants {
        forbid(variant, variants);
        forbid(variant, &too_much);
    }
    forbid("xtask", &["tch".to_owned(), "torch-sys".to_owned()]);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pulled_in_by_others_counts() {
        let edges = [
            ("dcgan", vec!["gan-core"]),
            ("gan-core", vec!["helper"]),
            ("helper", vec!["image"]),
            ("cgan", vec!["dcgan"]),
        ];
        let graph = Graph(
            edges
                .into_iter()
                .map(|(from, to)| (from.to_owned(), to.into_iter().map(str::to_owned).collect()))
                .collect(),
        );
        let findings = judge(&graph, &["dcgan".to_owned(), "cgan".to_owned()]);
        assert!(
            findings.contains(&"crates/dcgan/Cargo.toml: must not pull in `image`".to_owned()),
            "{findings:?}"
        );
        assert!(
            findings.contains(&"crates/cgan/Cargo.toml: must not pull in `dcgan`".to_owned()),
            "{findings:?}"
        );
        assert_eq!(findings.len(), 4);
    }
}
