//! Writing to the terminal without dying when the reader goes away (`gan info | head`).

use std::fmt::Arguments;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A line on stdout: what a command was asked for.
pub fn line(text: Arguments) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line on stderr: what happens meanwhile.
pub fn note(text: Arguments) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How this program was started, to print commands that work where they are pasted: `gan` if the shell found it,
/// else its path from here.
pub fn program() -> String {
    let started = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    if started.components().count() <= 1 {
        return "gan".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    match started.strip_prefix(here) {
        Ok(name) if name.components().count() == 1 => format!("./{}", quoted(name)),
        Ok(below) => quoted(below),
        Err(_) => quoted(&started),
    }
}

/// A path as a shell reads it back.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds as `1 h 02 min`, `3 min 20 s` or `12 s`.
pub fn duration(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.max(0.0).round() as u64 } else { return "?".to_owned() };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes as `12.3 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_a_shell() {
        assert_eq!(quoted(Path::new("runs/a-001")), "runs/a-001");
        assert_eq!(quoted(Path::new("my run's")), r"'my run'\''s'");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.4, 200.0, 3720.0, f64::NAN].map(duration), ["0 s", "3 min 20 s", "1 h 02 min", "?"]);
        assert_eq!(
            [12, 1500, 12_300_000, 2_000_000_000].map(bytes),
            ["12 B", "1.5 kB", "12.3 MB", "2.00 GB"]
        );
    }
}
