//! How far two images lie apart in what a network sees at several depths.
//!
//! As LPIPS does (Zhang et al. 2018, equation 1), at every place of every depth the channels are made a vector of length 1, and
//! squared distances of these are averaged over places. Where LPIPS weighs channels by heads that were trained on people's
//! judgements, all channels and all depths count the same here, and the network is another: it is no LPIPS, and compares with none.
//! [`Lpips`](crate::extract::Lpips) is, with its weights.

use crate::extract::{Extract, Features};
use crate::pair;
use gan_core::error::{Error, Result};
use tch::{Kind, Tensor};

/// Pairs whose maps are in memory at once.
const AT_A_TIME: i64 = 16;
/// Keeps places without any channel from dividing by 0.
const TINY: f64 = 1e-10;

/// The distance of each pair: 0 for equal images, 4 at most.
///
/// # Shapes
/// `generated` and `target` u8 `[N, C, H, W]`, of one channel or three; N numbers out
///
/// # Errors
/// Images of another kind, or of two shapes; an extractor that shows no depths; LibTorch's.
pub fn feature_distance(extractor: &dyn Extract, generated: &Tensor, target: &Tensor) -> Result<Vec<f64>> {
    pair::check(generated, target)?;
    Ok(compared(extractor, generated, target)?.distances)
}

/// Both sides of pairs in an extractor's eyes.
pub(crate) struct Compared {
    pub distances: Vec<f64>,
    pub generated: Vec<Features>,
    pub target: Vec<Features>,
}

/// Of pairs that were checked.
pub(crate) fn compared(extractor: &dyn Extract, generated: &Tensor, target: &Tensor) -> Result<Compared> {
    let mut all = Compared { distances: Vec::new(), generated: Vec::new(), target: Vec::new() };
    for (ours, theirs) in generated.f_split(AT_A_TIME, 0)?.iter().zip(target.f_split(AT_A_TIME, 0)?) {
        // Apart, and not as one batch: equal images then take the same way and have equal maps.
        let (ours, maps) = extractor.describe_with_depths(&ours.f_to_kind(Kind::Float)?)?;
        let (theirs, other_maps) = extractor.describe_with_depths(&theirs.f_to_kind(Kind::Float)?)?;
        all.distances.extend(apart(extractor, &maps, &other_maps)?);
        all.generated.push(ours);
        all.target.push(theirs);
    }
    Ok(all)
}

fn apart(extractor: &dyn Extract, ours: &[Tensor], theirs: &[Tensor]) -> Result<Vec<f64>> {
    if ours.is_empty() {
        let why = format!("the extractor {} shows no depths; MobileNet does", extractor.short_name());
        return Err(Error::config("feature-distance", why));
    }
    Ok(Vec::<f64>::try_from(&extractor.apart(ours, theirs)?)?)
}

/// How far one side of pairs is from the other by maps of [`Extract::depths`], at least one: it can be derived by them.
///
/// # Shapes
/// of each depth two maps f32 `[N, C, h, w]`; out f64 `[N]`
///
/// # Errors
/// Maps that do not match; LibTorch's.
pub fn between(ours: &[Tensor], theirs: &[Tensor]) -> Result<Tensor> {
    let depths: Vec<Tensor> =
        ours.iter().zip(theirs).map(|(a, b)| at_a_depth(a, b, None)).collect::<Result<_>>()?;
    Ok(Tensor::f_stack(&depths, 0)?.f_mean_dim([0i64].as_slice(), false, Kind::Double)?)
}

/// The distance at one depth, f64 `[N]`; channels weighed by `heads` `[1, C, 1, 1]`.
pub(crate) fn at_a_depth(a: &Tensor, b: &Tensor, heads: Option<&Tensor>) -> Result<Tensor> {
    let mut squares = unit(a)?.f_sub(&unit(b)?)?.f_square()?;
    if let Some(heads) = heads {
        squares = squares.f_mul(heads)?;
    }
    let of_places = squares.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?; // [N, h, w]
    Ok(of_places.f_mean_dim([1i64, 2].as_slice(), false, Kind::Double)?)
}

/// Channels of length 1 at every place.
fn unit(map: &Tensor) -> Result<Tensor> {
    let length = map.f_norm_scalaropt_dim(2.0, [1i64].as_slice(), true)?; // [N, 1, h, w]
    Ok(map.f_div(&length.f_add_scalar(TINY)?)?)
}
