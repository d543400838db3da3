//! `benches/ablation.toml`: the rows of the table and what each sets.

use super::Data;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Numbers that differ between data sets, by data set and name.
    values: BTreeMap<Data, BTreeMap<String, toml::Value>>,
    /// What rows begin from, by name.
    base: BTreeMap<String, Base>,
    group: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    /// The data set's own where there is none.
    preset: Option<String>,
    #[serde(default)]
    set: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    base: String,
    rows: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    name: String,
    note: Option<String>,
    /// The group's where there is none.
    base: Option<String>,
    #[serde(default)]
    set: Vec<String>,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    pub group: String,
    /// The name of its folder.
    pub key: String,
    pub name: String,
    pub note: Option<String>,
    preset: Option<String>,
    /// As written, with `{...}` still in it.
    set: Vec<String>,
}

impl Row {
    /// Which preset it begins from.
    pub fn preset(&self, data: Data) -> &str {
        self.preset.as_deref().unwrap_or(data.name())
    }
}

/// All rows, in the order of the table.
#[derive(Debug)]
pub struct Rows {
    pub rows: Vec<Row>,
    values: BTreeMap<Data, BTreeMap<String, toml::Value>>,
}

impl Rows {
    /// # Errors
    /// What in the text cannot be meant.
    pub fn read(text: &str) -> Result<Self> {
        let File { values, base, group } = toml::from_str(text)?;
        let mut rows = Vec::new();
        for Group { name: group, base: usual, rows: entries } in group {
            for entry in entries {
                let Entry { key, name, note, base: own, set } = entry;
                let from = own.as_ref().unwrap_or(&usual);
                let base = base.get(from).with_context(|| format!("{key}: there is no base `{from}`"))?;
                let set = base.set.iter().cloned().chain(set).collect();
                rows.push(Row { group: group.clone(), key, name, note, preset: base.preset.clone(), set });
            }
        }
        let all = Self { rows, values };
        all.check()?;
        Ok(all)
    }

    fn check(&self) -> Result<()> {
        let mut keys = BTreeSet::new();
        for row in &self.rows {
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            ensure!(
                !row.key.is_empty() && row.key.chars().all(is_plain),
                "`{}`: a key is made of a-z, 0-9 and -",
                row.key
            );
            ensure!(keys.insert(&row.key), "{}: there are two rows of this key", row.key);
            for data in Data::ALL {
                let settings = self.settings(row, data, 1_000)?;
                let bad = settings.iter().find(|setting| setting.split('=').count() != 2);
                ensure!(bad.is_none(), "{}: `{}` is not KEY=VALUE", row.key, bad.map_or("", String::as_str));
            }
        }
        Ok(())
    }

    /// A row's settings, KEY=VALUE, for a run of so many points.
    ///
    /// # Errors
    /// A `{...}` that stands for nothing.
    pub fn settings(&self, row: &Row, data: Data, points: u64) -> Result<Vec<String>> {
        let fill = |setting| self.fill(setting, data, points).with_context(|| row.key.clone());
        row.set.iter().map(|setting| fill(setting)).collect()
    }

    /// Replaces `{30%}` by that share of the points, and `{NAME}` by the data set's value of that name.
    fn fill(&self, setting: &str, data: Data, points: u64) -> Result<String> {
        let (mut filled, mut rest) = (String::new(), setting);
        while let Some((before, after)) = rest.split_once('{') {
            let (word, after) = after.split_once('}').with_context(|| format!("`{setting}` lacks a }}"))?;
            filled += before;
            filled += &match word.strip_suffix('%').map(str::parse::<u64>) {
                Some(Ok(percent)) => (points * percent / 100).to_string(),
                _ => match self.values.get(&data).and_then(|values| values.get(word)) {
                    Some(value) => value.to_string(),
                    None => bail!("`{setting}`: {} has no value `{word}`", data.name()),
                },
            };
            rest = after;
        }
        Ok(filled + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [values]
        ring8 = { gamma = 0.05 }
        grid25 = { gamma = 1.0 }
        [base.plain]
        set = ["r1=0"]
        [base.paper]
        preset = "pacgan-literal"
        [[group]]
        name = "Penalties"
        base = "plain"
        rows = [
            { key = "r1", name = "R1", set = ["r1={gamma}", "schedule.end={30%}"] },
            { key = "paper", name = "PacGAN's network", base = "paper" },
        ]
    "#;

    fn refused(from: &str, to: &str) -> String {
        assert!(FILE.contains(from), "{from}");
        format!("{:#}", Rows::read(&FILE.replace(from, to)).expect_err("refused"))
    }

    #[test]
    fn rows_begin_from_their_base_and_values_are_filled_in() {
        let rows = Rows::read(FILE).expect("rows");
        let [r1, paper] = &rows.rows[..] else { panic!("{rows:?}") };
        let set = |data| rows.settings(r1, data, 2_000).expect("settings");
        assert_eq!(set(Data::Ring8), ["r1=0", "r1=0.05", "schedule.end=600"]);
        assert_eq!(set(Data::Grid25), ["r1=0", "r1=1.0", "schedule.end=600"]);
        assert_eq!([r1, paper].map(|row| row.preset(Data::Grid25)), ["grid25", "pacgan-literal"]);
        assert!(rows.settings(paper, Data::Ring8, 1).expect("settings").is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(refused("\"paper\", name", "\"r1\", name").contains("r1: there are two rows"));
        assert!(refused("base = \"paper\"", "base = \"other\"").contains("no base `other`"));
        assert!(refused("r1={gamma}", "r1={delta}").contains("ring8 has no value `delta`"));
        assert!(refused("r1={gamma}", "r1={gamma").contains("lacks a }"));
        assert!(refused("r1={gamma}", "r1").contains("`r1` is not KEY=VALUE"));
        assert!(refused("key = \"r1\"", "key = \"../r1\"").contains("a key is made of"));
        assert!(refused("name = \"R1\"", "name = \"R1\", sets = []").contains("sets"));
    }

    #[test]
    fn the_file_of_this_workspace_can_be_read() {
        let text = include_str!("../../../benches/ablation.toml");
        let rows = Rows::read(text).expect("rows").rows;
        assert!(rows.len() > 50, "{}", rows.len());
        // What a row sets alone tells it from its neighbours: no two rows are the same run.
        let runs: BTreeSet<_> = rows.iter().map(|row| (&row.preset, &row.set)).collect();
        assert_eq!(runs.len(), rows.len());
    }
}
