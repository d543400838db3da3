//! Tensor glue: shape guards, value ranges, grids, files.

pub mod file;
pub mod grid;
pub mod guard;
pub mod range;
