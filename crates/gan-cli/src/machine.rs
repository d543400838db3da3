//! Where a command that generates runs.

use anyhow::Result;
use gan_core::device::DevicePolicy;

/// The options that say so.
#[derive(Debug, clap::Args)]
pub struct Machine {
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// CPU threads; 0 for all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

impl Machine {
    /// Understood and put into effect; in f32.
    ///
    /// # Errors
    /// A device that is none, or is not there.
    pub fn policy(&self) -> Result<DevicePolicy> {
        let policy = DevicePolicy::resolve(&self.device, "f32", self.threads)?;
        policy.apply();
        Ok(policy)
    }
}
