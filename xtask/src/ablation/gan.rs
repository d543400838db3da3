//! One run of the real command: trained, measured, deleted.

use super::record::{Measures, Outcome};
use crate::workspace;
use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Exit codes of `gan`.
const USAGE: i32 = 2;
const INTERRUPTED: i32 = 130;

/// The binary.
pub struct Gan(pub PathBuf);

/// How an attempt ended.
pub enum Attempt {
    /// With something to keep, after so many seconds of processor time.
    Done(f64, Outcome),
    /// The user has stopped it.
    Interrupted,
    /// With something that says nothing about the settings, such as a full disk.
    Failed(String),
}

impl Gan {
    /// Whether these arguments of `gan train` can be meant.
    ///
    /// # Errors
    /// What `gan` says if not.
    pub fn check(&self, arguments: &[String]) -> Result<()> {
        let output = self.run(|gan| gan.args(arguments).arg("--dry-run"))?;
        if output.status.success() { Ok(()) } else { Err(refused(arguments, &output)) }
    }

    /// Trains in `folder` and counts modes there; nothing is left of the folder.
    ///
    /// # Errors
    /// Settings that `gan` refuses; a `gan` that does not start.
    pub fn attempt(&self, arguments: &[String], folder: &Path) -> Result<Attempt> {
        remove(folder)?;
        let attempt = self.attempt_in(arguments, folder);
        remove(folder)?;
        attempt
    }

    fn attempt_in(&self, arguments: &[String], folder: &Path) -> Result<Attempt> {
        let (trained, seconds) = self.train(arguments, folder)?;
        if trained.status.code() == Some(USAGE) {
            return Err(refused(arguments, &trained));
        }
        if !trained.status.success() {
            return Ok(ended(&trained, seconds));
        }
        let measure = ["--json", "--device", "cpu", "--threads", "1"];
        let measured = self.run(|gan| gan.arg("modes").arg(folder).args(measure))?;
        if !measured.status.success() {
            return Ok(ended(&measured, seconds));
        }
        let measures: Measures =
            serde_json::from_slice(&measured.stdout).context("`gan modes --json` gave other JSON")?;
        Ok(Attempt::Done(seconds, Outcome::Measured(measures)))
    }

    /// Trains; how it ended, and seconds of processor time, which do not depend on what runs beside.
    fn train(&self, arguments: &[String], folder: &Path) -> Result<(Output, f64)> {
        // The shell waits on after a Ctrl-C, whose end is gan's to choose, and says what its child took.
        let script = r#"trap : INT; "$@"; code=$?; times; exit $code"#;
        let mut shell = workspace::with_libraries("sh");
        shell.args(["-c", script, "sh"]).arg(&self.0).args(arguments).arg("--out").arg(folder);
        let output = shell.current_dir(workspace::root()).output().context("`sh` could not be started")?;
        let seconds = processor_seconds(&String::from_utf8_lossy(&output.stdout));
        Ok((output, seconds.context("`times` of `sh` told no times")?))
    }

    fn run(&self, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Result<Output> {
        let mut command = workspace::with_libraries(&self.0);
        let output = arguments(&mut command).current_dir(workspace::root()).output();
        output.with_context(|| format!("{} could not be started", self.0.display()))
    }
}

/// What an end without success means.
fn ended(output: &Output, seconds: f64) -> Attempt {
    let said = sentence(output);
    match output.status.code() {
        Some(INTERRUPTED) => Attempt::Interrupted,
        Some(_) if has_diverged(&said) => Attempt::Done(seconds, Outcome::Diverged(said)),
        Some(_) => Attempt::Failed(said),
        None => Attempt::Failed(format!("gan was ended: {}", output.status)),
    }
}

/// What `gan train` says of a gradient and `gan modes` of samples.
fn has_diverged(sentence: &str) -> bool {
    sentence.contains("was not finite") || sentence.contains("the training diverged")
}

/// The last line of `times`: user and system time of children, such as `0m2.480s 0m0.310s`.
fn processor_seconds(said: &str) -> Option<f64> {
    let time = |word: &str| {
        let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
        Some(60.0 * minutes.parse::<f64>().ok()? + seconds.parse::<f64>().ok()?)
    };
    said.lines().last()?.split_whitespace().map(time).sum()
}

fn refused(arguments: &[String], output: &Output) -> anyhow::Error {
    anyhow!("{}; the command was: gan {}", sentence(output), arguments.join(" "))
}

/// The last line on stderr: `gan` ends with one.
fn sentence(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("gan said nothing").trim_start_matches("gan: ").to_owned()
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("{} cannot be deleted: {error}", folder.display())
        }
        _ => Ok(()),
    }
}

/// A script in its place that does as its second word says.
#[cfg(all(test, unix))]
pub fn stand_in() -> Gan {
    Gan(workspace::root().join("xtask/src/ablation/stand_in.sh"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read() {
        assert_eq!(processor_seconds("done\n0m0.00s 0m0.01s\n1m2.25s 0m0.50s\n"), Some(62.75));
        assert_eq!(processor_seconds("done"), None);
        assert_eq!(processor_seconds(""), None);
    }

    #[test]
    fn every_end_is_told_apart_and_leaves_nothing() {
        let temp = tempfile::tempdir().expect("folder");
        let (gan, folder) = (stand_in(), temp.path().join("row/1"));
        let attempt = |word: &str| {
            let attempt = gan.attempt(&["train".to_owned(), word.to_owned()], &folder);
            assert!(!folder.exists(), "{word}");
            attempt
        };
        let measures = Measures { covered: 8, modes: 8, good: 0.98, reverse_kl: 0.002 };
        assert!(matches!(attempt("works"), Ok(Attempt::Done(_, Outcome::Measured(m))) if m == measures));
        let diverged = "the gradient was not finite";
        assert!(
            matches!(attempt("diverges"), Ok(Attempt::Done(_, Outcome::Diverged(said))) if said == diverged)
        );
        assert!(matches!(attempt("fails"), Ok(Attempt::Failed(said)) if said == "no space left"));
        assert!(matches!(attempt("silent"), Ok(Attempt::Failed(said)) if said == "gan said nothing"));
        assert!(matches!(attempt("interrupted"), Ok(Attempt::Interrupted)));
        let refused = attempt("refused").err().expect("refused").to_string();
        assert_eq!(refused, "vanilla.x: no; the command was: gan train refused");
    }
}
