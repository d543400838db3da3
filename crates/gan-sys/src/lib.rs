//! What LibTorch has and tch does not bind, as safe functions over [`tch::Tensor`].
//!
//! A C++ shim behind a C ABI (`shim/`): exceptions are caught there and come back as
//! text. Everything here is small; the mathematics lives in `gan-core` and the variant crates.
//!
//! - [`list`]: fused Adam, foreach arithmetic, norms and the non-finite check over tensor lists
//! - [`random`]: generator states and draws keyed by a seed of their own
//! - [`runtime`]: autocast with a dtype, CUDA loaded at run time, the allocator, noting who reads tensors
//! - [`convolution`]: convolutions that are faster for the shapes of GANs
//! - [`norm`]: instance normalisation with the activation after it
//! - [`averaged`]: a mean over processes, with its gradient
//! - [`mod@format`]: channels-last strides; [`activation`]: leaky ReLU with a slope

pub mod activation;
pub mod averaged;
pub mod convolution;
mod ffi;
pub mod fir;
pub mod format;
pub mod list;
pub mod norm;
pub mod pairs;
pub mod random;
pub mod runtime;
pub mod warp;

pub use ffi::ShimError;
