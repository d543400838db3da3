//! A configuration as a tree of values whose leaves can be named by dotted paths and overwritten by text.

use super::{amount, suggest};
use crate::failure::usage;
use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeSet;

/// The tree, complete from the start: a key that is not in it does not exist.
#[derive(Debug, Clone)]
pub struct Tree {
    root: Value,
    /// Paths that something other than the preset has set.
    given: BTreeSet<String>,
}

impl Tree {
    /// A tree with all keys and their first values.
    pub fn new(root: Value) -> Self {
        Self { root, given: BTreeSet::new() }
    }

    /// The values as they are now.
    pub fn into_value(self) -> Value {
        self.root
    }

    /// Whether a leaf was set.
    pub fn is_given(&self, path: &str) -> bool {
        self.given.contains(path)
    }

    /// The value of a path.
    pub fn value(&self, path: &str) -> Option<&Value> {
        self.root.pointer(&pointer(path))
    }

    /// All leaves' paths.
    pub fn paths(&self) -> Vec<String> {
        fn walk(value: &Value, prefix: &str, paths: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    for (key, value) in fields {
                        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                        walk(value, &path, paths);
                    }
                }
                _ => paths.push(prefix.to_owned()),
            }
        }
        let mut paths = Vec::new();
        walk(&self.root, "", &mut paths);
        paths
    }

    /// Applies `key=value`; the key may be the end of a path when only one path ends so.
    ///
    /// # Errors
    /// A key that is unknown or means several, a value that does not fit; each names what would do.
    pub fn assign(&mut self, assignment: &str) -> Result<()> {
        let Some((key, text)) = assignment.split_once('=') else {
            return Err(usage(format!("--set {assignment}: expected key=value, such as --set loss=hinge")));
        };
        let (key, text) = (key.trim(), text.trim());
        let path = self.find(key).map_err(|why| usage(format!("--set {key}: {why}")))?;
        self.put(&path, &Value::String(text.to_owned())).map_err(|why| usage(format!("--set {path}: {why}")))
    }

    /// Applies every leaf of a file's tree; paths are written out in full there.
    ///
    /// # Errors
    /// As [`Tree::assign`].
    pub fn merge(&mut self, other: &Value, file: &str) -> Result<()> {
        let known = self.paths();
        let source = Self::new(other.clone());
        for path in source.paths() {
            let value = source.value(&path).unwrap_or(&Value::Null);
            if !known.contains(&path) {
                let why = unknown(&path, &known);
                return Err(usage(format!("{file}: {path}: {why}")));
            }
            self.put(&path, value).map_err(|why| usage(format!("{file}: {path}: {why}")))?;
        }
        Ok(())
    }

    /// Overwrites a leaf by a value of its kind, or by text that reads as one.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn put(&mut self, path: &str, value: &Value) -> Result<(), String> {
        let leaf = self.root.pointer_mut(&pointer(path)).ok_or("is no key")?;
        *leaf = coerce(leaf, value)?;
        self.given.insert(path.to_owned());
        Ok(())
    }

    /// Puts another value or section, which may have keys of its own, in the place of one, as if the preset had it.
    pub fn replace(&mut self, path: &str, value: Value) {
        if let Some(place) = self.root.pointer_mut(&pointer(path)) {
            *place = value;
        }
    }

    fn find(&self, key: &str) -> Result<String, String> {
        let known = self.paths();
        if known.iter().any(|path| path == key) {
            return Ok(key.to_owned());
        }
        let end = format!(".{key}");
        let ending: Vec<&String> = known.iter().filter(|path| path.ends_with(&end)).collect();
        match ending.as_slice() {
            [path] => Ok((*path).clone()),
            [] => Err(unknown(key, &known)),
            several => {
                let several: Vec<&str> = several.iter().map(|path| path.as_str()).collect();
                Err(format!("means several keys; write one of {}", several.join(", ")))
            }
        }
    }
}

fn unknown(key: &str, known: &[String]) -> String {
    let section = format!("{key}.");
    if let Some(inside) =
        known.iter().find(|path| path.starts_with(&section) || path.contains(&format!(".{section}")))
    {
        return format!("is a section; name a key in it, such as {inside}");
    }
    match suggest::nearest(key, known.iter().map(String::as_str)) {
        Some(nearest) => format!("there is no such key; did you mean {nearest}?"),
        None => "there is no such key; --dry-run prints all of them".to_owned(),
    }
}

fn pointer(path: &str) -> String {
    path.split('.').flat_map(|part| ["/", part]).collect()
}

/// `value` as the kind of value that `known` is.
fn coerce(known: &Value, value: &Value) -> Result<Value, String> {
    let text = value.as_str();
    let shown = text.map_or_else(|| value.to_string(), |text| format!("`{text}`"));
    match known {
        Value::Bool(_) => match (value, text) {
            (Value::Bool(flag), _) => Ok(Value::Bool(*flag)),
            (_, Some("true" | "yes" | "on")) => Ok(Value::Bool(true)),
            (_, Some("false" | "no" | "off")) => Ok(Value::Bool(false)),
            _ => Err(format!("{shown} is neither true nor false")),
        },
        Value::Number(number) if !number.is_f64() => {
            let whole = match text {
                Some(text) => {
                    text.parse::<i64>().map(Value::from).ok().or_else(|| amount::parse(text).map(Value::from))
                }
                None => (value.is_i64() || value.is_u64()).then(|| value.clone()),
            };
            whole.ok_or_else(|| format!("{shown} is no whole number; expected one such as 64, 500k or 2M"))
        }
        Value::Number(_) => {
            let number = match text {
                Some(text) => text.parse::<f64>().ok(),
                None => value.as_f64(),
            };
            let finite = number.filter(|number| number.is_finite());
            finite
                .map(Value::from)
                .ok_or_else(|| format!("{shown} is no number; expected one such as 0.0002 or 2e-4"))
        }
        Value::String(_) => match text {
            Some(text) => Ok(Value::from(text)),
            None => Err(format!("{shown} is no text")),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => match text {
            Some(text) => {
                serde_json::from_str(text).map_err(|error| format!("{shown} cannot be read ({error})"))
            }
            None => Ok(value.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tree() -> Tree {
        Tree::new(json!({
            "dcgan": {"size": 64, "loss": "hinge", "a": {"lr": 0.1}, "b": {"lr": 0.2}},
            "train": {"images": 1000, "seed": 1}, "data": {"mirror": false}
        }))
    }

    fn refused(assignment: &str) -> String {
        tree().assign(assignment).expect_err(assignment).to_string()
    }

    #[test]
    fn keys_are_found_by_path_or_unique_end() {
        let mut tree = tree();
        for assignment in ["loss=least_squares", "a.lr=1e-4", "train.images=2M", "mirror=yes", "size = 32"] {
            tree.assign(assignment).expect(assignment);
        }
        assert!(tree.is_given("dcgan.size") && !tree.is_given("train.seed"));
        assert_eq!(
            tree.into_value(),
            json!({
                "dcgan": {"size": 32, "loss": "least_squares", "a": {"lr": 1e-4}, "b": {"lr": 0.2}},
                "train": {"images": 2_000_000, "seed": 1}, "data": {"mirror": true}
            })
        );
    }

    #[test]
    fn mistakes_name_what_would_do() {
        assert!(refused("los=hinge").contains("did you mean dcgan.loss?"));
        assert!(refused("lr=1").contains("dcgan.a.lr, dcgan.b.lr"));
        assert!(refused("images=many").contains("500k"));
        assert!(refused("a.lr=fast").contains("2e-4"));
        assert!(refused("a.lr=nan").contains("no number"));
        assert!(refused("mirror=maybe").contains("neither true nor false"));
        assert!(refused("dcgan.a=1").contains("dcgan.a.lr"));
        assert!(refused("loss").contains("key=value"));
    }

    #[test]
    fn files_are_merged_with_full_paths() {
        let mut tree = tree();
        tree.merge(&json!({"train": {"images": "3k"}, "dcgan": {"a": {"lr": 1}}}), "x.toml").expect("merge");
        assert!(tree.is_given("dcgan.a.lr"));
        let mut refused = |value: Value| tree.merge(&value, "x.toml").expect_err("refused").to_string();
        assert!(
            refused(json!({"train": {"image": 3}}))
                .contains("x.toml: train.image: there is no such key; did you mean train.images?")
        );
        assert!(refused(json!({"train": 3})).contains("is a section"));
        assert!(refused(json!({"train": {"images": 2.5}})).contains("whole number"));
    }
}
