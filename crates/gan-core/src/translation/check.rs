//! What configurations of translators are checked for alike.

use crate::error::{Error, Result};
use crate::loss::AdversarialLoss;

/// The longest side that is trained on.
const LARGEST: i64 = 4096;

/// Checks a configuration's `section`: sides of the images, the least of which the networks can take is `smallest`; the
/// adversarial loss; weights of losses.
///
/// # Errors
/// The first setting that cannot work, with what would.
pub fn check(
    section: &str,
    image: [i64; 2],
    smallest: i64,
    loss: AdversarialLoss,
    weights: &[(&str, f64)],
) -> Result<()> {
    let refuse = |field: &str, why: String| Err(Error::config(format!("{section}.{field}"), why));
    for (field, side) in ["size", "width"].into_iter().zip(image) {
        if !(smallest..=LARGEST).contains(&side) {
            let why = format!(
                "{side} is not between {smallest}, the least that these networks can take, and {LARGEST}"
            );
            return refuse(field, why);
        }
    }
    if loss.is_relativistic() || loss == AdversarialLoss::Wasserstein {
        let why = "compares reals with fakes or needs a penalty, and translators do neither; choose least_squares, \
                   non_saturating or hinge";
        return refuse("loss", why.to_owned());
    }
    match weights.iter().find(|(_, weight)| !(*weight >= 0.0 && weight.is_finite())) {
        Some((field, weight)) => refuse(field, format!("{weight} is not 0 or more")),
        None => Ok(()),
    }
}
