//! Ctrl-C and SIGTERM: the first asks training to stop after the step, the second ends the process at once.

use crate::failure::INTERRUPTED;
use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the user has asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over the process's signals; once per process.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn install() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let asked = interrupt.clone();
        ctrlc::set_handler(move || {
            if asked.0.swap(true, Ordering::SeqCst) {
                // Not `process::exit`: destructors of LibTorch must not run beside a step.
                unsafe { libc::_exit(i32::from(INTERRUPTED)) }
            }
            crate::say::note(format_args!(
                "\nstopping after this step; once more to stop at once without saving"
            ));
        })
        .context("Ctrl-C cannot be caught")?;
        Ok(interrupt)
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Makes a file that outgrows the process's limit (`ulimit -f`) an error like that of a full disk, not the
/// death of the process.
pub fn survive_file_size_limit() {
    #[cfg(unix)]
    // Nothing else in this process handles the signal.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
