//! What every variant is tested with (a dev-dependency only).
//!
//! - [`contract`]: what the trainer relies on, checked on a real variant
//! - [`golden`]: tensors recorded from reference implementations, with their tolerances
//! - [`replay`]: a variant's steps with recorded batches and draws
//! - [`difference`]: gradients against finite differences

pub mod contract;
pub mod difference;
pub mod golden;
pub mod replay;
