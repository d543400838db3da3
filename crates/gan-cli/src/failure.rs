//! How a command ends: one sentence on stderr and an exit code, whatever went wrong.

use gan_core::error::Error;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Something failed.
pub const FAILURE: u8 = 1;
/// The command, a flag or a setting cannot be meant as written.
pub const USAGE: u8 = 2;
/// Ctrl-C or SIGTERM; what was trained is saved.
pub const INTERRUPTED: u8 = 130;

/// A mistake in what the user wrote: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A [`Usage`] as the error of a command.
pub fn usage(sentence: impl Into<String>) -> anyhow::Error {
    Usage(sentence.into()).into()
}

thread_local! {
    /// Text and place of the last panic on this thread.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a command; errors and panics become one sentence on stderr. With `GAN_DEBUG` set, panics print
/// as usual as well.
pub fn guard(command: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    let debug = std::env::var_os("GAN_DEBUG").is_some_and(|value| !value.is_empty() && value != "0");
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if debug {
            usual(info);
        }
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        PANIC.with_borrow_mut(|panic| *panic = Some(format!("{}{place}", payload_text(info.payload()))));
    }));
    match catch_unwind(AssertUnwindSafe(command)) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            crate::say::note(format_args!("gan: {}", sentence(&error)));
            ExitCode::from(exit_code(&error))
        }
        Err(payload) => {
            crate::say::note(format_args!("gan: {}", panic_sentence(payload.as_ref())));
            ExitCode::from(FAILURE)
        }
    }
}

/// The error and its causes on one line, without a cause that its effect has told already.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let is_file = matches!(cause.downcast_ref(), Some(Error::File { .. }));
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        // Its text has put the system's reason into words.
        if is_file {
            break;
        }
    }
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let is_usage = error.chain().any(|cause| {
        cause.is::<Usage>()
            || matches!(cause.downcast_ref(), Some(Error::Config { .. } | Error::Device { .. }))
    });
    if is_usage { USAGE } else { FAILURE }
}

fn panic_sentence(payload: &(dyn Any + Send)) -> String {
    let text = payload_text(payload);
    // tch's plain operators panic with LibTorch's text.
    if let error @ Error::OutOfMemory { .. } = Error::from_torch_text(&text) {
        return error.to_string();
    }
    let known = PANIC.with_borrow_mut(Option::take).unwrap_or(text);
    let first = known.lines().next().unwrap_or_default().to_owned();
    format!(
        "internal error ({first}); please report it with the command line (GAN_DEBUG=1 shows where it happened)"
    )
}

fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn causes_are_told_once_on_one_line() {
        let error = anyhow::anyhow!("no space\nleft").context("writing x");
        assert_eq!(sentence(&error), "writing x: no space; left");
        let nested =
            Err::<(), _>(Error::config("train.images", "must be at least 1")).context("must be at least 1");
        assert_eq!(
            sentence(&nested.expect_err("error")),
            "must be at least 1: train.images: must be at least 1"
        );
    }

    #[test]
    fn bugs_are_told_apart_from_a_full_memory() {
        let bug = panic_sentence(&"boom\nat somewhere");
        assert!(bug.starts_with("internal error (boom)") && bug.contains("GAN_DEBUG"), "{bug}");
        let memory =
            "Torch(\"DefaultCPUAllocator: can't allocate memory: you tried\\nException raised".to_owned();
        assert!(panic_sentence(&memory).starts_with("out of memory"));
    }

    #[test]
    fn mistakes_in_arguments_have_their_own_code() {
        assert_eq!(exit_code(&usage("no")), USAGE);
        assert_eq!(exit_code(&Error::config("a", "b").into()), USAGE);
        assert_eq!(exit_code(&Error::run("a", "b").into()), FAILURE);
    }
}
