//! The built-in extractor: our own classifier of Fashion-MNIST, for grey and small images, where nothing needs to be downloaded.
//!
//! It has seen clothes of 32x32 pixels and nothing else. Its distances compare runs on small grey images with each other; with
//! published FID, which is Inception's, they have nothing in common but the formula.

use super::resize::{Resize, resized};
use super::{Extract, Features, weights};
use crate::classifier::{Classifier, Layout};
use gan_core::device::DevicePolicy;
use gan_core::error::Result;
use tch::{Device, Kind, Tensor};

/// Made by `cargo run --release -p gan-metrics --example train_extractor`.
const WEIGHTS: &[u8] = include_bytes!("../../assets/clothes-128.safetensors");
const SIZE: i64 = 32;
/// As Fashion-MNIST numbers them.
const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// The classifier with the weights that come with this crate.
#[derive(Debug)]
pub struct Clothes {
    classifier: Classifier,
    device: Device,
}

impl Clothes {
    /// Numbers in a feature.
    pub const DIMENSIONS: i64 = 128;

    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(policy: &DevicePolicy) -> Result<Self> {
        let kind = (Layout::DESCRIBING, CLASSES.len() as i64, [1, SIZE, SIZE]);
        let classifier = Classifier::read(WEIGHTS, "the built-in weights", kind, policy)?;
        Ok(Self { classifier, device: policy.device })
    }

    /// f32 of 0 to 255, `[N, 1 or 3, H, W]`, to grey in [-1, 1], `[N, 1, 32, 32]`.
    fn prepared(&self, images: &Tensor) -> Result<Tensor> {
        super::check(images)?;
        let mut x = images.f_to_device(self.device)?;
        x = x.f_mean_dim([1i64].as_slice(), true, Kind::Float)?;
        if images.size()[2..] != [SIZE; 2] {
            x = resized(&x, [SIZE; 2], Resize::Smoothed)?;
        }
        Ok(x.f_div_scalar(127.5)?.f_sub_scalar(1.0)?)
    }

    /// The share of Fashion-MNIST's training images, kept out of its own training, whose class it names.
    pub fn accuracy(&self) -> f64 {
        self.classifier.accuracy()
    }
}

impl Extract for Clothes {
    fn name(&self) -> String {
        format!(
            "clothes-{} ({}), a classifier of Fashion-MNIST and not Inception, grey {SIZE}x{SIZE} unrounded, f32",
            Self::DIMENSIONS,
            weights::checksum(WEIGHTS)
        )
    }

    fn short_name(&self) -> String {
        "clothes".to_owned()
    }

    fn dimensions(&self) -> i64 {
        Self::DIMENSIONS
    }

    fn class_names(&self) -> &[&str] {
        &CLASSES
    }

    fn describe(&self, images: &Tensor) -> Result<Features> {
        let (pooled, logits) = self.classifier.describe_signed(&self.prepared(images)?)?;
        Ok(Features {
            pooled: pooled.f_to_device(Device::Cpu)?,
            logits: Some(logits.f_to_device(Device::Cpu)?),
        })
    }

    /// What each convolution puts out: 32, 32, 64, 64 and 128 channels of 32, 32, 16, 16 and 8 pixels.
    fn depths(&self, images: &Tensor) -> Result<Vec<Tensor>> {
        self.classifier.depths(&self.prepared(images)?)
    }
}
