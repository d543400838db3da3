//! Inception score (Salimans et al. 2016, section 4): how sure a classifier is, and how many classes it sees.

use gan_core::error::{Error, Result};
use tch::{Kind, Tensor};

/// exp E KL(p(y|x) ‖ p(y)) on equal splits, their mean and standard deviation (biased, as published implementations have
/// it). Between 1 and the number of classes.
///
/// The splits are taken in order, `[i N / splits, (i + 1) N / splits)`: samples should come in no order of classes.
///
/// # Shapes
/// `logits` `[N, classes]`
///
/// # Errors
/// Fewer samples than splits; LibTorch's.
pub fn inception_score(logits: &Tensor, splits: i64) -> Result<(f64, f64)> {
    let logits = crate::rows("logits", logits)?;
    let count = logits.size()[0];
    if splits < 1 || count < splits {
        let why = format!("{count} samples do not make {splits} splits");
        return Err(Error::config("splits", why));
    }
    let scores = (0..splits)
        .map(|split| {
            let (begin, end) = (split * count / splits, (split + 1) * count / splits);
            let log = logits.f_narrow(0, begin, end - begin)?.f_log_softmax(1, Kind::Double)?;
            let each = log.f_exp()?;
            let all = each.f_mean_dim([0i64].as_slice(), true, Kind::Double)?.f_log()?;
            let divergence = each.f_mul(&log.f_sub(&all)?)?.f_nan_to_num(0.0, None, None)?;
            let mean = divergence.f_sum(Kind::Double)?.f_double_value(&[])? / (end - begin) as f64;
            Ok(mean.exp())
        })
        .collect::<Result<Vec<f64>>>()?;
    let over = crate::kernel::over(&scores);
    Ok((over.mean, over.std))
}
