//! Losses: logits, features or images in, scalar out. They know no networks.

mod adversarial;
pub mod classification;
pub mod feature_matching;
pub mod pixels;

pub use adversarial::AdversarialLoss;
