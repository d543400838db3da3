//! How good generated samples are, in numbers: u8 images or f32 points in, f64 out.
//!
//! - [`extract`]: networks that make features of images, such as FID's Inception
//! - [`frechet()`]: FID's distance between two [`Gaussian`]s of features, which are gathered batch by batch
//! - [`kernel`]: KID's, unbiased, over subsets
//! - [`inception_score()`], and [`neighbours()`]: precision, recall, density, coverage
//! - [`path_length`]: how smooth the way from latent to image is
//! - [`scores`]: all of these from features that were extracted once
//! - [`paired`]: images that each have the true one as partner: [`psnr`](mod@psnr), [`ssim`](mod@ssim),
//!   [`feature_distance`](mod@feature_distance) at several depths of an extractor, [`retrieval`](mod@retrieval)
//! - [`histogram`]: what a translation between two sets of images has to beat
//! - [`modes`]: Gaussians at known means, as PacGAN counts them
//! - [`stacked`]: three images as one of three channels, 1,000 modes, as VEEGAN counts them; [`classifier`]
//!   names the image in each channel
//! - [`sliced_wasserstein()`]: a distance between two sets of samples that needs no network
//! - [`diversity()`]: how far samples lie from each other; it falls when a generator collapses
//!
//! Every number is a pure function of its arguments: projections and the classifier's training are keyed by a
//! seed. Nothing here decodes an image or knows a variant.

mod classes;
pub mod classifier;
pub mod diversity;
pub mod extract;
pub mod feature_distance;
mod frechet;
pub mod histogram;
mod inception_score;
pub mod kernel;
pub mod modes;
mod neighbours;
mod pair;
pub mod paired;
pub mod path_length;
pub mod psnr;
pub mod retrieval;
pub mod scores;
pub mod sliced_wasserstein;
pub mod ssim;
pub mod stacked;

pub use classifier::{Classifier, Labelled};
pub use diversity::diversity;
pub use extract::{Extract, Features, Inception, MobileNet};
pub use feature_distance::feature_distance;
pub use frechet::{Gaussian, frechet};
pub use histogram::{Histogram, match_histogram};
pub use inception_score::inception_score;
pub use kernel::{KernelDistance, KernelOptions, kernel_distance};
pub use modes::{Mixture, ModeReport};
pub use neighbours::{Neighbours, neighbours};
pub use pair::Estimate;
pub use paired::{PairScore, PairScores, Paired};
pub use psnr::psnr;
pub use retrieval::{Retrieval, retrieval};
pub use sliced_wasserstein::{Projections, sliced_wasserstein};
pub use ssim::ssim;
pub use stacked::StackedReport;

use gan_core::error::{Error, Result};
use tch::{Device, Kind, Tensor};

/// Features as f32 or f64 rows on the CPU: f64 stays, all else becomes f32.
///
/// # Shapes
/// `[N, ...]` to `[N, D]`
fn matrix(what: &str, samples: &Tensor) -> Result<Tensor> {
    match samples.kind() {
        Kind::Double => rows(what, samples),
        _ => rows_of(what, samples, Kind::Float),
    }
}

/// Samples as f64 rows on the CPU.
///
/// # Shapes
/// `[N, ...]` of any kind to `[N, D]`
fn rows(what: &str, samples: &Tensor) -> Result<Tensor> {
    rows_of(what, samples, Kind::Double)
}

fn rows_of(what: &str, samples: &Tensor, kind: Kind) -> Result<Tensor> {
    let count = samples.size().first().copied().unwrap_or(0);
    if count == 0 || samples.numel() == 0 {
        return Err(Error::config(what, "there are no samples"));
    }
    Ok(samples.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(kind)?.f_reshape([count, -1])?)
}
