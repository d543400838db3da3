//! Losses: logits or features in, scalar out. They know no networks.

mod adversarial;
pub mod classification;
pub mod feature_matching;

pub use adversarial::AdversarialLoss;
