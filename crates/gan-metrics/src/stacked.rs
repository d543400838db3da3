//! Stacked images: three grey ones drawn at random as the channels of one, so that ten classes make 1,000 modes.
//!
//! Counted as *VEEGAN*, Srivastava et al. 2017 (arXiv 1705.07761), section 4.2, does, and PacGAN after it: 26,000
//! samples ([`SAMPLES`]); a classifier names the image in each channel; a mode is covered if one sample at least was named
//! so; the divergence is KL(p ‖ q) in nats with p the share of samples in each mode. Two conventions for q are in use
//! and both are given: the uniform distribution, and the data's own (the product of its class shares). A perfect
//! generator of 1,000 equal modes has an expected KL of 999 / 52,000 = 0.019; a classifier of accuracy a names all
//! three channels rightly in a³ of the cases, which blurs both numbers.
//!
//! Published numbers are for MNIST digits of 28 x 28. Those made with another set, such as Fashion-MNIST, cannot be
//! compared with them: the report names the set and the classifier's accuracy.

use crate::classifier::Classifier;
use crate::modes::divergence;
use gan_core::error::Result;
use gan_core::tensor::guard::{ANY, shape};
use serde::Serialize;
use tch::{Kind, Tensor};

/// Samples that the protocol draws.
pub const SAMPLES: usize = 26_000;

/// What was counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackedReport {
    /// How it was counted, in words.
    pub protocol: String,
    /// Samples looked at.
    pub samples: u64,
    /// Modes that there are: classes to the third.
    pub modes: u64,
    /// Modes that at least one sample was named as.
    pub covered: u64,
    /// KL(p ‖ uniform) in nats.
    pub kl_uniform: f64,
    /// KL(p ‖ data) in nats, the data's modes being products of its class shares.
    pub kl_data: f64,
    /// The classifier's share of right answers on images that it did not learn.
    pub classifier_accuracy: f64,
}

/// Counts modes by VEEGAN's protocol.
///
/// # Shapes
/// `images` u8 `[N, 3, H, W]` with the classifier's H and W
///
/// # Errors
/// Images of another shape or kind, or none; LibTorch's.
pub fn score(images: &Tensor, classifier: &Classifier) -> Result<StackedReport> {
    shape("stacked images", images, &[ANY, 3, ANY, ANY])?;
    let samples = images.size()[0];
    if samples == 0 {
        return Err(gan_core::error::Error::config("images", "there are no samples"));
    }
    let shares = classifier.class_shares();
    let classes = shares.len() as i64;
    let mut mode = Tensor::f_zeros([samples], (Kind::Int64, images.device()))?;
    for channel in 0..3 {
        let class = classifier.classify(&images.f_narrow(1, channel, 1)?)?;
        mode = mode.f_mul_scalar(classes)?.f_add(&class)?;
    }
    let modes = classes.pow(3);
    let counts = Vec::<f64>::try_from(&mode.f_bincount(None::<Tensor>, modes)?.f_to_kind(Kind::Double)?)?;
    let data: Vec<f64> = shares
        .iter()
        .flat_map(|a| shares.iter().flat_map(move |b| shares.iter().map(move |c| a * b * c)))
        .collect();
    Ok(StackedReport {
        protocol: format!(
            "VEEGAN (Srivastava et al. 2017): {samples} samples, channels named by a classifier of {}",
            classifier.name()
        ),
        samples: samples as u64,
        modes: modes as u64,
        covered: counts.iter().filter(|count| **count > 0.0).count() as u64,
        kl_uniform: divergence(&counts, &vec![1.0; counts.len()]),
        kl_data: divergence(&counts, &data),
        classifier_accuracy: classifier.accuracy(),
    })
}
