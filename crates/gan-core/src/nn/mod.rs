//! Building blocks that two or more variants use identically, over an ordered store of named tensors.
//!
//! [`Parameters`] takes the place of tch's `VarStore`: it keeps insertion order and refuses a name
//! given twice. A module is a plain struct of tensors made from a [`Scope`]; the tensors in the
//! store and in the module are the same storage.

mod attention;
mod batch_norm;
mod conditional_norm;
mod fir;
mod halvings;
mod init;
mod layers;
mod linear;
mod minibatch;
mod mlp;
mod norm;
mod parameters;
mod resampling;
mod spectral_norm;
mod weight;

pub use attention::SelfAttention;
pub use conditional_norm::{Condition, ConditionalNorm, ConditionalNormOptions, GainBatchNorm2d, Statistics};
pub use fir::{Fir, fir_filter, upfirdn2d};
pub use gan_sys::activation::{Epilogue, leaky_relu};
pub use gan_sys::convolution::convolution;
pub use halvings::{DiscriminatorNorm, Halvings};
pub use init::Init;
pub use layers::{BatchNorm2d, Conv2d, ConvOptions, ConvTranspose2d, Mode};
pub use linear::{Embedding, Linear};
pub use minibatch::{DiscriminationOptions, MinibatchDiscrimination, MinibatchStddev, SelfTerm};
pub use mlp::{Activation, Mlp, MlpStyle};
pub use norm::{InstanceNorm2d, LayerNorm};
pub use parameters::{Entry, Parameters, Scope};
pub use resampling::{doubled, doubled_convolution, halved, halved_convolution};
pub use spectral_norm::{SpectralForm, SpectralNorm};
pub use weight::{Weight, WeightOptions};
