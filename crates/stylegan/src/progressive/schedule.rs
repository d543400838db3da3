//! When the networks grow (Karras et al. 2018, appendix A; 2019, appendix C): a function of the images shown.

use super::Config;
use super::config::{BASE, level_of};
use gan_core::error::Result;
use gan_core::nn::{doubled, halved};
use tch::Tensor;

/// How far the networks have grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Doublings above 4 x 4 of the images that are made and judged.
    pub level: i64,
    /// The weight of the newest resolution in [0, 1); anything else is 1: nothing is being faded in.
    pub alpha: f64,
}

impl Stage {
    /// One phase at the first resolution; at each further one a phase in which it is faded in and one in which it stays; the last
    /// one stays. `images` were shown so far.
    pub fn at(config: &Config, images: u64) -> Self {
        let (first, last) = (level_of(config.start), level_of(config.size));
        let (phase, within) = (images / config.phase_images, images % config.phase_images);
        let Some(doubled) = phase.checked_sub(1) else { return Self::grown(first) };
        let level = first.saturating_add_unsigned(1 + doubled / 2);
        match level {
            _ if level > last => Self::grown(last),
            _ if doubled.is_multiple_of(2) => {
                Self { level, alpha: (within + 1) as f64 / config.phase_images as f64 }
            }
            _ => Self::grown(level),
        }
    }

    /// A resolution without another one.
    pub fn grown(level: i64) -> Self {
        Self { level, alpha: 1.0 }
    }

    /// Height and width of images.
    pub fn side(self) -> i64 {
        BASE << self.level
    }

    /// The weight of the newest resolution, while it is being faded in.
    pub fn fading(self) -> Option<f64> {
        (self.level > 0 && (0.0..1.0).contains(&self.alpha)).then_some(self.alpha)
    }

    /// Images of full size as this stage sees them: the means of squares of pixels. While a resolution is faded in, `fades`
    /// brings them over from the one below (Karras et al. 2018, appendix A).
    ///
    /// # Shapes
    /// `[N, C, size, size]` to `[N, C, side, side]`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn shrunk(self, images: &Tensor, fades: bool) -> Result<Tensor> {
        let ratio = images.size().last().copied().unwrap_or(1) / self.side();
        let small = match ratio {
            ..=1 => images.shallow_clone(),
            ratio => images.f_avg_pool2d([ratio; 2], [ratio; 2], [0; 2], false, true, None)?,
        };
        match self.fading().filter(|_| fades) {
            None => Ok(small),
            Some(alpha) => Ok(doubled(&halved(&small)?)?.f_lerp(&small, alpha)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn resolutions_are_faded_in_and_stay() {
        let config = Config { start: 8, size: 32, phase_images: 100, ..Config::default() };
        let at = |images| {
            let stage = Stage::at(&config, images);
            (stage.side(), stage.fading())
        };
        assert_eq!((at(0), at(99)), ((8, None), (8, None)));
        assert_eq!((at(100), at(150), at(199)), ((16, Some(0.01)), (16, Some(0.51)), (16, None)));
        assert_eq!((at(200), at(299)), ((16, None), (16, None)));
        assert_eq!(
            (at(300), at(400), at(500), at(u64::MAX)),
            ((32, Some(0.01)), (32, None), (32, None), (32, None))
        );
        let fixed = Config { start: 32, ..config };
        assert_eq!(Stage::at(&fixed, 150), Stage::grown(3));
    }

    #[test]
    fn images_are_averaged_and_faded() {
        let image = Tensor::arange(64, (Kind::Float, Device::Cpu)).view([1, 1, 8, 8]);
        assert_eq!(Stage::grown(1).shrunk(&image, true).expect("images"), image);
        let small = Stage::grown(0).shrunk(&image, true).expect("images");
        assert_eq!(small.double_value(&[0, 0, 0, 0]), (0.0 + 1.0 + 8.0 + 9.0) / 4.0);
        let fading = Stage { level: 1, alpha: 0.25 };
        let faded = fading.shrunk(&image, true).expect("images");
        assert_eq!(faded.double_value(&[0, 0, 0, 0]), 0.75 * 4.5);
        assert_eq!(fading.shrunk(&image, false).expect("images"), image);
    }
}
