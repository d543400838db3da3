//! Images to features: what Fréchet, kernel and neighbour distances are taken between.

mod clothes;
mod inception;
mod lpips;
mod mobilenet;
pub mod resize;
mod scripted;
mod weights;

pub use clothes::Clothes;
pub use inception::{Convention, Inception, Tap};
pub use lpips::Lpips;
pub use mobilenet::MobileNet;
pub use scripted::Scripted;
pub use weights::Weights;

use gan_core::error::{Error, Result};
use gan_core::tensor::guard::{ANY, shape};
use tch::{Kind, Tensor};

/// What an extractor makes of a batch of N images, f32 on the CPU.
#[derive(Debug)]
pub struct Features {
    /// `[N, D]`
    pub pooled: Tensor,
    /// `[N, classes]`, of extractors that classify.
    pub logits: Option<Tensor>,
}

/// A network, or anything else, that describes images by numbers.
pub trait Extract {
    /// What makes its numbers comparable, in one line: network, checksum of its weights, resize, precision.
    fn name(&self) -> String;

    /// What stands beside the name of a score, so that nobody takes one for another's: `inception`, `clothes`, ...
    fn short_name(&self) -> String;

    /// D, the numbers in a feature.
    fn dimensions(&self) -> i64;

    /// Names of the classes that the logits are of, in order; empty where there are none or nobody knows them.
    fn class_names(&self) -> &[&str] {
        &[]
    }

    /// Features of values between grey levels, too: for differences smaller than one, as a path length needs them.
    ///
    /// # Shapes
    /// `images` f32 of 0 to 255, `[N, C, H, W]`, of one channel or three
    ///
    /// # Errors
    /// Images of another shape or kind; LibTorch's.
    fn describe(&self, images: &Tensor) -> Result<Features>;

    /// Whether [`Extract::describe_with_depths`] gives maps.
    fn shows_depths(&self) -> bool {
        false
    }

    /// As [`Extract::describe`], together with the maps at several depths that [`feature_distance`](crate::feature_distance())
    /// compares; none of extractors that show none.
    ///
    /// # Shapes
    /// maps f32 `[N, channels, height, width]`, of sizes of their own
    ///
    /// # Errors
    /// As [`Extract::describe`].
    fn describe_with_depths(&self, images: &Tensor) -> Result<(Features, Vec<Tensor>)> {
        Ok((self.describe(images)?, Vec::new()))
    }

    /// Maps at several depths that can be derived by the images: for what moves images towards others. None of extractors that
    /// show none.
    ///
    /// # Shapes
    /// `images` as of [`Extract::describe`]; maps as of [`Extract::describe_with_depths`], on the extractor's device
    ///
    /// # Errors
    /// As [`Extract::describe`].
    fn depths(&self, images: &Tensor) -> Result<Vec<Tensor>> {
        let _ = images;
        Ok(Vec::new())
    }

    /// How far images lie apart by maps of [`Extract::depths`], at least one: it can be derived by them.
    ///
    /// # Shapes
    /// of each depth two maps f32 `[N, C, h, w]`; out f64 `[N]`
    ///
    /// # Errors
    /// Maps that do not match; LibTorch's.
    fn apart(&self, ours: &[Tensor], theirs: &[Tensor]) -> Result<Tensor> {
        crate::feature_distance::between(ours, theirs)
    }

    /// Features of images.
    ///
    /// # Shapes
    /// `images` u8 `[N, C, H, W]`, of one channel or three
    ///
    /// # Errors
    /// Images of another shape or kind; LibTorch's.
    fn extract(&self, images: &Tensor) -> Result<Features> {
        if images.kind() != Kind::Uint8 {
            return Err(Error::config("images", format!("must be u8, not {:?}", images.kind())));
        }
        self.describe(&images.f_to_kind(Kind::Float)?)
    }
}

/// f32 `[N, 1 or 3, H, W]` as `[N, 3, H, W]`: grey is the same in all three.
fn coloured(images: &Tensor) -> Result<Tensor> {
    check(images)?;
    match images.size()[1] {
        1 => Ok(images.f_expand([-1, 3, -1, -1], false)?),
        _ => Ok(images.shallow_clone()),
    }
}

fn check(images: &Tensor) -> Result<()> {
    shape("images", images, &[ANY, ANY, ANY, ANY])?;
    if images.kind() != Kind::Float || ![1, 3].contains(&images.size()[1]) {
        let why = format!("must be of one channel or three, not {:?} of {}", images.kind(), images.size()[1]);
        return Err(Error::config("images", why));
    }
    Ok(())
}
