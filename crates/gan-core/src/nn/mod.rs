//! Building blocks that two or more variants use identically, over an ordered store of named tensors.
//!
//! [`Parameters`] takes the place of tch's `VarStore`: it keeps insertion order and refuses a name
//! given twice. A module is a plain struct of tensors made from a [`Scope`]; the tensors in the
//! store and in the module are the same storage.

mod init;
mod layers;
mod parameters;

pub use gan_sys::activation::leaky_relu;
pub use init::Init;
pub use layers::{BatchNorm2d, Conv2d, ConvOptions, ConvTranspose2d, Mode};
pub use parameters::{Entry, Parameters, Scope};
