//! Pictures to styles: which style makes the picture that is nearest a given one (Karras et al. 2020, section 5 and appendix D).
//!
//! The search begins at the average style. Early on the style is shaken, so that it finds its way out of bad places; the noise of
//! all layers is searched for as well, and kept from drawing the picture in the style's stead by a penalty on what neighbouring
//! values have in common.

use crate::{Generator, LayerNoise};
use gan_core::error::{Error, Result};
use gan_core::optim::{Adam, AdamConfig};
use gan_core::random::Streams;
use gan_core::settings;
use tch::{Kind, Tensor, no_grad};

/// How it is searched for. The defaults are the paper's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProjectionConfig {
    /// Steps of Adam.
    pub steps: u64,
    /// Whether every layer gets a style of its own (W+): nearer to the picture, further from what can be edited.
    pub each_layer: bool,
    /// Adam's largest rate.
    pub rate: f64,
    /// The share of steps in which the rate rises along a line from 0.
    pub rise: f64,
    /// The share of steps, at the end, in which it falls to 0 along a cosine.
    pub fall: f64,
    /// How much the style is shaken at first, of the spread of styles.
    pub shake: f64,
    /// The share of steps in which it is shaken less and less.
    pub shaken: f64,
    /// The weight of the penalty on noise that is not noise.
    pub noise_weight: f64,
    /// Every draw is a function of it.
    pub seed: u64,
}

impl Default for ProjectionConfig {
    fn default() -> Self {
        Self {
            steps: 1000,
            each_layer: false,
            rate: 0.1,
            rise: 0.05,
            fall: 0.25,
            shake: 0.05,
            shaken: 0.75,
            noise_weight: 1e5,
            seed: 1,
        }
    }
}

impl ProjectionConfig {
    /// # Errors
    /// The first setting that cannot work, with what would.
    pub fn validate(&self) -> Result<()> {
        settings::within("projection", &[("steps", self.steps.min(1 << 40) as i64, 1, 1_000_000)])?;
        let shares = [("rise", self.rise), ("fall", self.fall), ("shaken", self.shaken)];
        if let Some((field, share)) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Err(Error::config(
                format!("projection.{field}"),
                format!("{share} is not between 0 and 1"),
            ));
        }
        let amounts = [("rate", self.rate), ("shake", self.shake), ("noise_weight", self.noise_weight)];
        if let Some((field, amount)) = amounts.iter().find(|(_, x)| !(*x >= 0.0 && x.is_finite())) {
            return Err(Error::config(format!("projection.{field}"), format!("{amount} is not 0 or more")));
        }
        Ok(())
    }

    /// Adam's rate after a share of the steps.
    fn rate_at(&self, done: f64) -> f64 {
        let left = if self.fall > 0.0 { ((1.0 - done) / self.fall).min(1.0) } else { 1.0 };
        let begun = if self.rise > 0.0 { (done / self.rise).min(1.0) } else { 1.0 };
        self.rate * begun * 0.5 * (1.0 - (std::f64::consts::PI * left).cos())
    }

    /// How much of the spread the style is shaken by.
    fn shake_at(&self, done: f64) -> f64 {
        let left = if self.shaken > 0.0 { (1.0 - done / self.shaken).max(0.0) } else { 0.0 };
        self.shake * left * left
    }
}

/// Latents whose styles give the average and the spread that a search begins with.
pub const LATENTS: i64 = 10_000;
/// Latents that are mapped at a time.
const AT_A_TIME: i64 = 1_000;
/// Noise is compared with its neighbours down to maps whose shorter side is no longer.
const SMALLEST: i64 = 8;

/// A search under way.
#[derive(Debug)]
pub struct Projection<'a> {
    generator: &'a Generator,
    config: ProjectionConfig,
    /// `[1, 1, style]`, or `[1, layers, style]` with a style for each layer.
    styles: Tensor,
    noise: Vec<Tensor>,
    /// f32 scalar: the root of the mean square distance of styles from their mean.
    spread: Tensor,
    adam: Adam,
    step: u64,
}

/// What a step saw.
#[derive(Debug)]
pub struct Seen {
    /// The picture of the style, shaken, before it moved: f32 `[1, C, H, W]`.
    pub image: Tensor,
    /// Its distance, a scalar on the device.
    pub distance: Tensor,
}

impl<'a> Projection<'a> {
    /// A search from the average of [`LATENTS`] styles on, of the classes `labels` (i64 `[LATENTS]`) where there are some.
    ///
    /// # Errors
    /// A setting that cannot work, labels that are missing; LibTorch's.
    pub fn new(generator: &'a Generator, labels: Option<&Tensor>, config: ProjectionConfig) -> Result<Self> {
        config.validate()?;
        let device =
            generator.mapping.average().ok_or_else(|| Error::config("w_avg", "is not kept"))?.device();
        let streams = Streams::new(config.seed, 0, 0, device);
        let latents = streams.normal("projection latents", &[LATENTS, generator.mapping.latent()])?;
        let mut mapped = Vec::new();
        for first in (0..LATENTS).step_by(AT_A_TIME as usize) {
            let labels = labels.map(|labels| labels.f_narrow(0, first, AT_A_TIME)).transpose()?;
            let z = latents.f_narrow(0, first, AT_A_TIME)?;
            mapped.push(no_grad(|| generator.mapping.styles(&z, labels.as_ref()))?);
        }
        let mapped = Tensor::f_cat(&mapped, 0)?; // [LATENTS, style]
        let mean = mapped.f_mean_dim([0i64].as_slice(), true, Kind::Float)?; // [1, style]
        let squares = mapped.f_sub(&mean)?.f_square()?;
        let spread = squares.f_sum(Kind::Float)?.f_div_scalar(LATENTS as f64)?.f_sqrt()?;
        let mut styles = mean.f_unsqueeze(0)?;
        if config.each_layer {
            styles = styles.f_repeat([1, generator.synthesis.layers(), 1])?;
        }
        let styles = styles.f_set_requires_grad(true)?;
        let maps = generator.synthesis.noise_sizes().into_iter();
        let noise = maps
            .map(|size| Ok(streams.normal("projection noise", &size)?.f_set_requires_grad(true)?))
            .collect::<Result<Vec<Tensor>>>()?;
        let parameters: Vec<&Tensor> = [&styles].into_iter().chain(&noise).collect();
        let adam = Adam::new(AdamConfig::new(config.rate, 0.9), &parameters)?;
        Ok(Self { generator, config, styles, noise, spread, adam, step: 0 })
    }

    /// Moves style and noise down the distance once. Of an image f32 `[1, C, H, W]`, about in [-1, 1], `distance` makes a scalar
    /// that can be derived.
    ///
    /// # Errors
    /// The distance's; LibTorch's.
    pub fn step(&mut self, distance: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Seen> {
        let done = self.step as f64 / self.config.steps as f64;
        let device = self.styles.device();
        let streams = Streams::new(self.config.seed, 0, 1 + self.step, device);
        let shaken = streams.normal("projection shake", &self.styles.size())?;
        let shaken = shaken.f_mul(&self.spread)?.f_mul_scalar(self.config.shake_at(done))?;
        let image = self.image_of(&self.styles.f_add(&shaken)?)?;
        let apart = distance(&image)?;
        let mut loss = apart.shallow_clone();
        if !self.noise.is_empty() {
            loss = loss.f_add(&likeness(&self.noise)?.f_mul_scalar(self.config.noise_weight)?)?;
        }
        let parameters: Vec<&Tensor> = [&self.styles].into_iter().chain(&self.noise).collect();
        let gradients = Tensor::f_run_backward(&[&loss], &parameters, false, false)?;
        self.adam.config.lr = self.config.rate_at(done);
        no_grad(|| -> Result<()> {
            let never = Tensor::f_zeros([] as [i64; 0], (Kind::Float, device))?;
            self.adam.step(&parameters, &gradients, &never, 0)?;
            for map in &self.noise {
                normalize(map)?;
            }
            Ok(())
        })?;
        self.step += 1;
        Ok(Seen { image: image.f_detach()?, distance: apart.f_detach()? })
    }

    /// The style of each layer as it is now.
    ///
    /// # Shapes
    /// Out f32 `[1, layers, style]`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn styles(&self) -> Result<Tensor> {
        let layers = self.generator.synthesis.layers();
        Ok(self.styles.f_detach()?.f_expand([1, layers, -1], false)?.f_contiguous()?)
    }

    /// The noise of each layer that adds some, `[H, W]` each, as it is now.
    pub fn noise(&self) -> &[Tensor] {
        &self.noise
    }

    /// The picture as it is now.
    ///
    /// # Shapes
    /// Out f32 `[1, C, H, W]`, about in [-1, 1]
    ///
    /// # Errors
    /// LibTorch's.
    pub fn image(&self) -> Result<Tensor> {
        no_grad(|| self.image_of(&self.styles))
    }

    fn image_of(&self, styles: &Tensor) -> Result<Tensor> {
        let styles = styles.f_expand([1, self.generator.synthesis.layers(), -1], false)?;
        self.generator.forward(&styles, LayerNoise::Maps(&self.noise))
    }
}

/// Σ over maps and their halvings of (E n(x, y) n(x-1, y))² + (E n(x, y) n(x, y-1))²: 0 for endless white noise.
fn likeness(noise: &[Tensor]) -> Result<Tensor> {
    let mut terms = Vec::new();
    for map in noise {
        let [height, width] = map.size()[..] else { return Err(Error::config("noise", "is no plane")) };
        let mut map = map.f_reshape([1, 1, height, width])?;
        loop {
            for axis in [3, 2] {
                let neighbours = map.f_roll([1i64], [axis])?;
                terms.push(map.f_mul(&neighbours)?.f_mean(Kind::Float)?.f_square()?);
            }
            let (_, _, height, width) = map.size4()?;
            if height.min(width) <= SMALLEST || height % 2 + width % 2 > 0 {
                break;
            }
            // A mean of four has half the deviation.
            map = map.f_avg_pool2d([2i64; 2], [2i64; 2], [0i64; 2], false, true, None)?.f_mul_scalar(2.0)?;
        }
    }
    Ok(Tensor::f_stack(&terms, 0)?.f_sum(Kind::Float)?)
}

/// A mean of 0 and a deviation of 1, in place.
fn normalize(map: &Tensor) -> Result<()> {
    let mut map = map.f_detach()?;
    let _ = map.f_sub_(&map.f_mean(Kind::Float)?)?;
    let _ = map.f_mul_(&map.f_square()?.f_mean(Kind::Float)?.f_rsqrt()?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_shaking_are_the_paper_s() {
        let config = ProjectionConfig::default();
        let rates = [0.0, 0.025, 0.05, 0.5, 0.75, 0.875, 1.0].map(|done| config.rate_at(done));
        let wanted = [0.0, 0.05, 0.1, 0.1, 0.1, 0.05, 0.0];
        assert!(rates.iter().zip(wanted).all(|(rate, wanted)| (rate - wanted).abs() < 1e-12), "{rates:?}");
        assert_eq!([0.0, 0.375, 0.75, 0.9].map(|done| config.shake_at(done)), [0.05, 0.0125, 0.0, 0.0]);
        config.validate().expect("valid");
        let error = ProjectionConfig { steps: 0, ..config }.validate().expect_err("none").to_string();
        assert!(error.contains("projection.steps"), "{error}");
        assert!(ProjectionConfig { fall: 2.0, ..config }.validate().is_err());
        assert!(ProjectionConfig { rate: f64::NAN, ..config }.validate().is_err());
    }

    #[test]
    fn what_repeats_is_no_noise() {
        let noise = Streams::new(1, 0, 0, tch::Device::Cpu).normal("noise", &[64, 64]).expect("noise");
        let of = |map: &Tensor| likeness(std::slice::from_ref(map)).expect("likeness").double_value(&[]);
        // Of n values an expectation is off by about 1 / √n: squares add up to about 2 (1/4096 + 1/1024 + 1/256 + 1/64).
        assert!(of(&noise) < 0.1, "{}", of(&noise));
        let smooth = noise.get(0).unsqueeze(0).repeat([64, 1]);
        assert!(of(&smooth) > 0.9, "{}", of(&smooth));
        let map = &smooth * 3.0 + 1.0;
        normalize(&map).expect("normalised");
        let mean = map.mean(Kind::Float).double_value(&[]);
        let square = map.square().mean(Kind::Float).double_value(&[]);
        assert!(mean.abs() < 1e-6 && (square - 1.0).abs() < 1e-5, "{mean} {square}");
    }
}
