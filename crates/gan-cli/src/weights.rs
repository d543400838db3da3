//! Which weights of a run make the pictures.

use gan_core::variant::Weights;

/// The option that says so.
#[derive(Debug, clap::Args)]
pub struct WeightChoice {
    /// Use the weights themselves, where there is a moving average of them
    #[arg(long)]
    raw_weights: bool,
}

impl WeightChoice {
    /// Understood.
    pub fn chosen(&self) -> Weights {
        if self.raw_weights { Weights::Raw } else { Weights::Averaged }
    }
}
