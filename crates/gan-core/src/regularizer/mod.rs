//! Regularisers: what keeps the players stable beside their losses. Plain functions, each with its paper;
//! weights, intervals and schedules are the caller's.

pub mod consistency;
pub mod gradient_penalty;
mod lecam;
mod mode_seeking;
mod orthogonal;

pub use lecam::LeCam;
pub use mode_seeking::mode_seeking;
pub use orthogonal::Orthogonal;
