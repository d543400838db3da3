//! Scores that features of both sides do not give: of pixels, and of the ways between latents.

use super::side::{Generated, Side};
use anyhow::Result;
use gan_core::error::Error;
use gan_metrics::extract::Extract;
use gan_metrics::path_length::{Paths, path_length};
use gan_metrics::scores::Row;
use gan_metrics::{Projections, sliced_wasserstein};
use tch::{Kind, Tensor};

/// Images of each side whose pixels are compared, at most.
pub const PIXELS_OF: u64 = 5_000;
/// Their longer side, at most; larger ones are shrunk.
pub const LARGEST: u32 = 64;
/// Ways between latents, at most.
pub const PATHS: u64 = 10_000;

/// The sliced Wasserstein distance of pixels.
///
/// # Errors
/// A side without images; LibTorch's.
pub fn swd(generated: &Side, real: &Side, count: u64, seed: u64) -> Result<Row> {
    let (Some(ours), Some(theirs)) = (generated.shape(), real.shape()) else {
        return Err(Error::config("metrics", "swd compares pixels; both sides must be images").into());
    };
    let shape = [ours[0].min(theirs[0]), theirs[1].min(LARGEST), theirs[2].min(LARGEST)];
    let count = count.min(PIXELS_OF);
    let (fakes, reals) = (pixels(generated, count, shape)?, pixels(real, count, shape)?);
    let projections = Projections { seed, ..Projections::default() };
    let half = |first: i64| reals.f_slice(0, first, reals.size()[0], 2);
    Ok(Row {
        score: "swd".to_owned(),
        value: sliced_wasserstein(&fakes, &reals, &projections)?,
        spread: None,
        floor: Some(sliced_wasserstein(&half(0)?, &half(1)?, &projections)?),
        lower_is_better: true,
    })
}

/// u8 `[N, C, H, W]`, resized where they are not so.
fn pixels(side: &Side, count: u64, [channels, height, width]: [u32; 3]) -> Result<Tensor> {
    let mut all = Vec::new();
    side.look(count, "pixels", &mut |images, _| {
        let mut x = images.f_to_kind(Kind::Float)?;
        if x.size()[1] != i64::from(channels) {
            x = x
                .f_mean_dim([1i64].as_slice(), true, Kind::Float)?
                .f_expand([-1, channels.into(), -1, -1], false)?;
        }
        let size = [i64::from(height), i64::from(width)];
        if x.size()[2..] != size {
            x = x.f_internal_upsample_bilinear2d_aa(size, false, None, None)?;
        }
        all.push(x.f_round_()?.f_to_kind(Kind::Uint8)?);
        Ok(())
    })?;
    Ok(Tensor::f_cat(&all, 0)?)
}

/// The perceptual path length in the extractor's features.
///
/// # Errors
/// LibTorch's, such as no memory.
pub fn ppl(generated: &Generated, extractor: &dyn Extract, count: u64, seed: u64) -> Result<Row> {
    // Both ends of a step are of one class.
    let mut generate = |z: &Tensor, first: i64| {
        let half = (z.size()[0] / 2) as u64;
        let numbers = (0..2).flat_map(|_| first as u64..first as u64 + half);
        generated.samples().with_latents(z, numbers).map_err(|error| match error.downcast::<Error>() {
            Ok(error) => error,
            Err(other) => Error::config("metrics", other.to_string()),
        })
    };
    let paths = Paths { count: count.min(PATHS) as i64, seed };
    let value = path_length(&mut generate, extractor, &generated.latent_shape(), paths)?;
    Ok(Row { score: "ppl".to_owned(), value, spread: None, floor: None, lower_is_better: true })
}
