//! One cell of the table: a row on a data set with a seed.

use super::Data;
use super::record::Record;
use super::rows::{Row, Rows};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// A run of `gan`, done or not.
#[derive(Debug)]
pub struct Run {
    pub data: Data,
    /// The row's key.
    pub row: String,
    pub seed: u64,
    /// Everything but the run's folder; what its result is kept under.
    pub arguments: Vec<String>,
    /// Where it trains while it does: `ROOT/POINTS/DATA/ROW/SEED`.
    pub folder: PathBuf,
}

impl Run {
    /// # Errors
    /// Settings of the row that stand for nothing.
    pub fn new(root: &Path, rows: &Rows, row: &Row, data: Data, (points, seed): (u64, u64)) -> Result<Self> {
        let mut arguments: Vec<String> =
            ["train", "vanilla", "--data", data.name(), "--preset", row.preset(data)]
                .map(str::to_owned)
                .into();
        arguments.extend(["--images".to_owned(), points.to_string(), "--seed".to_owned(), seed.to_string()]);
        arguments.extend(["--threads", "1", "--device", "cpu", "--precision", "f32"].map(str::to_owned));
        // Nothing beside the training: ten lines of log and one checkpoint.
        let quiet = ["evaluate_images=0", "preview_images=0", "checkpoint_images=0"].map(str::to_owned);
        let report = format!("report_images={}", (points / 10).max(1));
        for setting in quiet.into_iter().chain([report]).chain(rows.settings(row, data, points)?) {
            arguments.extend(["--set".to_owned(), setting]);
        }
        let folder = root.join(points.to_string()).join(data.name()).join(&row.key).join(seed.to_string());
        Ok(Self { data, row: row.key.clone(), seed, arguments, folder })
    }

    /// Where its result lies.
    pub fn file(&self) -> PathBuf {
        self.folder.with_extension("json")
    }

    /// Its result, if it is done.
    pub fn record(&self) -> Option<Record> {
        Record::find(&self.file(), &self.arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ablation::record::Outcome;

    const FILE: &str = r#"
        [values]
        ring8 = {}
        grid25 = {}
        [base.plain]
        set = ["r1=0"]
        [[group]]
        name = "Objectives"
        base = "plain"
        rows = [{ key = "hinge", name = "hinge", set = ["loss=hinge", "x.end={50%}"] }]
    "#;

    #[test]
    fn a_result_counts_for_exactly_this_run() {
        let folder = tempfile::tempdir().expect("folder");
        let run = |file: &str, points, seed| {
            let rows = Rows::read(file).expect("rows");
            Run::new(folder.path(), &rows, &rows.rows[0], Data::Ring8, (points, seed)).expect("run")
        };
        let first = run(FILE, 1000, 3);
        assert!(first.folder.ends_with("1000/ring8/hinge/3") && first.file().ends_with("hinge/3.json"));
        let line = first.arguments.join(" ");
        assert!(
            line.starts_with("train vanilla --data ring8 --preset ring8 --images 1000 --seed 3 "),
            "{line}"
        );
        assert!(line.ends_with("--set r1=0 --set loss=hinge --set x.end=500"), "{line}");
        assert_eq!(first.record(), None);

        std::fs::create_dir_all(&first.folder).expect("folder");
        let outcome = Outcome::Diverged("the gradient was not finite".to_owned());
        let record = Record { key: first.arguments.clone(), seconds: 1.0, outcome };
        record.save(&first.file()).expect("saved");
        assert_eq!(run(FILE, 1000, 3).record(), Some(record));
        assert_eq!(run(FILE, 1000, 4).record(), None);
        assert_eq!(run(FILE, 2000, 3).record(), None);
        assert_eq!(run(&FILE.replace("r1=0", "r1=1"), 1000, 3).record(), None);
        // A name is what people read, not what is run.
        assert!(run(&FILE.replace("name = \"hinge\"", "name = \"margins\""), 1000, 3).record().is_some());
    }
}
