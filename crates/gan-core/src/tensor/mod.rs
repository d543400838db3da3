//! Tensor glue: shape guards, value ranges and kinds, grids, colours, files.

pub mod file;
pub mod grid;
pub mod guard;
pub mod lab;
pub mod pickle;
pub mod pth;
pub mod range;
mod wide;

pub use wide::wide;
