//! Adversarial losses: logits in, scalar out. They know no networks.

mod adversarial;

pub use adversarial::AdversarialLoss;
