//! Histogram matching, which a translation between two sets has to beat: a curve for each channel that gives images the
//! distribution of levels of other images, and knows nothing of what they show.

use gan_core::error::{Error, Result};
use gan_core::tensor::guard::{ANY, shape};
use tch::{Kind, Tensor};

const LEVELS: usize = 256;

/// How often each level occurs in each channel, gathered batch by batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    channels: Vec<[u64; LEVELS]>,
}

impl Histogram {
    /// Of no images yet.
    pub fn new(channels: usize) -> Self {
        Self { channels: vec![[0; LEVELS]; channels] }
    }

    /// Of images.
    ///
    /// # Shapes
    /// `images` u8 `[N, C, H, W]`
    ///
    /// # Errors
    /// Images of another kind; LibTorch's.
    pub fn of(images: &Tensor) -> Result<Self> {
        shape("images", images, &[ANY, ANY, ANY, ANY])?;
        let mut histogram = Self::new(images.size()[1] as usize);
        histogram.push(images)?;
        Ok(histogram)
    }

    /// The next images.
    ///
    /// # Shapes
    /// `images` u8 `[N, C, H, W]`, C as before
    ///
    /// # Errors
    /// Images of another kind or number of channels; LibTorch's.
    pub fn push(&mut self, images: &Tensor) -> Result<()> {
        check(images, self.channels.len())?;
        for (channel, counts) in self.channels.iter_mut().enumerate() {
            let values = images.f_select(1, channel as i64)?.f_flatten(0, -1)?;
            let found = values.f_bincount(None::<&Tensor>, LEVELS as i64)?;
            for (count, more) in counts.iter_mut().zip(Vec::<i64>::try_from(&found)?) {
                *count += more as u64;
            }
        }
        Ok(())
    }

    /// The curves that take images of this histogram to `target`'s: for both sets pooled, one curve for a whole set; for that
    /// of a single image, its own. A level goes to the lowest at which the target's share of levels up to it is no smaller than
    /// here, compared in whole numbers: no rounding, and a histogram matched with itself changes nothing.
    ///
    /// # Errors
    /// Other channels, or no images on one side.
    pub fn matched_to(&self, target: &Self) -> Result<Curves> {
        let refuse = |why: String| Err(Error::config("histogram", why));
        if self.channels.len() != target.channels.len() {
            return refuse(format!(
                "has {} channels on one side and {} on the other",
                self.channels.len(),
                target.channels.len()
            ));
        }
        let empty = |histogram: &Self| histogram.channels.iter().any(|counts| counts.iter().all(|n| *n == 0));
        if empty(self) || empty(target) {
            return refuse("there are no images on one side".to_owned());
        }
        let pairs = self.channels.iter().zip(&target.channels);
        Ok(Curves { channels: pairs.map(|(from, to)| curve(from, to)).collect() })
    }
}

fn curve(from: &[u64; LEVELS], to: &[u64; LEVELS]) -> [u8; LEVELS] {
    let [all_from, all_to] = [from, to].map(|counts| counts.iter().map(|n| u128::from(*n)).sum::<u128>());
    let mut up_to = 0;
    let (mut level, mut reached) = (0, u128::from(to[0]));
    from.map(|count| {
        up_to += u128::from(count);
        while reached * all_from < up_to * all_to {
            level += 1;
            reached += u128::from(to[level]);
        }
        level as u8
    })
}

/// A curve for each channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curves {
    channels: Vec<[u8; LEVELS]>,
}

impl Curves {
    /// Images with their levels changed.
    ///
    /// # Shapes
    /// `images` u8 `[N, C, H, W]`, as is what comes out
    ///
    /// # Errors
    /// Images of another kind or number of channels; LibTorch's.
    pub fn apply(&self, images: &Tensor) -> Result<Tensor> {
        check(images, self.channels.len())?;
        let mut channels = Vec::new();
        for (channel, curve) in self.channels.iter().enumerate() {
            let levels = images.f_select(1, channel as i64)?.f_to_kind(Kind::Int64)?;
            let curve = Tensor::f_from_slice(curve)?.f_to_device(images.device())?;
            channels.push(curve.f_index_select(0, &levels.f_flatten(0, -1)?)?.f_view_as(&levels)?);
        }
        Ok(Tensor::f_stack(&channels, 1)?)
    }
}

/// A set of images matched to the pooled histogram of `targets` by one curve for each channel.
///
/// # Shapes
/// `images` and `targets` u8 `[N, C, H, W]` and `[M, C, H', W']`; out as `images`
///
/// # Errors
/// Images of another kind, other channels, none; LibTorch's.
pub fn match_histogram(images: &Tensor, targets: &Tensor) -> Result<Tensor> {
    Histogram::of(images)?.matched_to(&Histogram::of(targets)?)?.apply(images)
}

fn check(images: &Tensor, channels: usize) -> Result<()> {
    shape("images", images, &[ANY, channels as i64, ANY, ANY])?;
    if images.kind() != Kind::Uint8 {
        return Err(Error::config("images", format!("must be u8, not {:?}", images.kind())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_core::random::Streams;
    use tch::Device;

    /// Levels below `most`, some more often.
    fn images(seed: u64, most: f64, count: i64) -> Tensor {
        let draws =
            Streams::new(seed, 0, 0, Device::Cpu).uniform("levels", &[count, 3, 9, 7]).expect("draws");
        (&draws * &draws * most).to_kind(Kind::Uint8)
    }

    #[test]
    fn what_is_matched_has_the_targets_histogram() {
        let target = images(2, 200.0, 8);
        let rising = images(1, 255.0, 8);
        let same = Histogram::of(&target).expect("a histogram");
        assert_eq!(same.matched_to(&same).expect("curves").apply(&target).expect("images"), target);
        let moved = (&target + 55).to_kind(Kind::Uint8);
        assert_eq!(match_histogram(&moved, &target).expect("images"), target, "a shift is undone");
        let matched = match_histogram(&rising, &target).expect("images");
        assert_eq!(matched.size(), rising.size());
        // Every level's share up to it is the target's, but for less than one level of the source.
        let [before, ours, theirs] =
            [&rising, &matched, &target].map(|set| Histogram::of(set).expect("a histogram"));
        for channel in 0..3 {
            let [before, ours, theirs] = [&before, &ours, &theirs].map(|set| set.channels[channel]);
            let (mut a, mut b, most) = (0, 0, *before.iter().max().expect("levels"));
            for (x, y) in ours.iter().zip(theirs) {
                (a, b) = (a + x, b + y);
                assert!(a <= b && b - a < most, "{a} and {b}");
            }
        }
    }

    #[test]
    fn small_cases_by_hand() {
        let image = |levels: &[u8]| Tensor::from_slice(levels).view([1, 1, 1, levels.len() as i64]);
        // Half is black: half becomes 10; the other half 20, where the target's share reaches one.
        let matched = match_histogram(&image(&[0, 0, 9, 9]), &image(&[10, 20])).expect("an image");
        assert_eq!(matched, image(&[10, 10, 20, 20]));
        // Two thirds need the second level of three halves: shares are compared exactly.
        let matched = match_histogram(&image(&[1, 1, 5]), &image(&[3, 4, 4, 200])).expect("an image");
        assert_eq!(matched, image(&[4, 4, 200]));
        // Pooled in batches as at once.
        let (a, b) = (images(1, 255.0, 3), images(2, 90.0, 4));
        let mut pooled = Histogram::of(&a).expect("a histogram");
        pooled.push(&b).expect("more");
        assert_eq!(pooled, Histogram::of(&Tensor::cat(&[a, b], 0)).expect("a histogram"));
    }

    #[test]
    fn what_cannot_be_matched_is_refused() {
        let colour = Histogram::of(&images(1, 9.0, 1)).expect("a histogram");
        let sentence = |a: &Histogram, b: &Histogram| a.matched_to(b).expect_err("no match").to_string();
        assert!(sentence(&colour, &Histogram::new(1)).contains("3 channels on one side and 1"));
        assert!(sentence(&colour, &Histogram::new(3)).contains("no images on one side"));
        assert!(Histogram::of(&images(1, 9.0, 1).to_kind(Kind::Float)).is_err());
    }
}
