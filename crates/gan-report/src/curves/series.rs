//! One line of a panel: thinning and smoothing.

/// Points in the order of x; y may be NaN, where the line breaks.
pub(super) struct Series {
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Above this many points, the raw line turns faint and a smooth one is drawn over it.
const SMOOTH_ABOVE: usize = 200;
/// Above this many points, a line is thinned: the panel has fewer columns of pixels.
const THIN_ABOVE: usize = 2000;

impl Series {
    /// The raw line, thinned.
    pub(super) fn raw(&self) -> Vec<(f64, f64)> {
        thin(&self.points)
    }

    /// The exponential moving average, thinned; `None` if there are too few points to need one.
    pub(super) fn smooth(&self) -> Option<Vec<(f64, f64)>> {
        if self.points.len() <= SMOOTH_ABOVE {
            return None;
        }
        // Forgets over a hundredth of the run. Divided by the weights so far, so that it starts
        // at the data and not at zero.
        let decay = 1.0 - 100.0 / self.points.len() as f64;
        let (mut sum, mut weight) = (0.0, 0.0);
        let smooth: Vec<(f64, f64)> = self
            .points
            .iter()
            .map(|&(x, y)| {
                if !y.is_finite() {
                    return (x, f64::NAN);
                }
                sum = decay * sum + (1.0 - decay) * y;
                weight = decay * weight + (1.0 - decay);
                (x, sum / weight)
            })
            .collect();
        Some(thin(&smooth))
    }

    /// How many points cannot be drawn.
    pub(super) fn not_finite(&self) -> usize {
        self.points.iter().filter(|(_, y)| !y.is_finite()).count()
    }
}

/// Keeps the lowest and the highest point of every bucket, so that no spike is lost, and a gap
/// where a bucket holds one.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= THIN_ABOVE {
        return points.to_vec();
    }
    let bucket = points.len().div_ceil(THIN_ABOVE / 2);
    let mut thinned = Vec::with_capacity(THIN_ABOVE);
    for points in points.chunks(bucket) {
        let finite = || points.iter().enumerate().filter(|(_, point)| point.1.is_finite());
        let low = finite().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let high = finite().max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        if let (Some(low), Some(high)) = (low, high) {
            let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
            thinned.push(*first.1);
            if first.0 != second.0 {
                thinned.push(*second.1);
            }
        }
        if let Some(gap) = points.iter().find(|point| !point.1.is_finite()) {
            thinned.push(*gap);
        }
    }
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(count: usize, value: impl Fn(usize) -> f64) -> Series {
        Series { label: String::new(), points: (0..count).map(|i| (i as f64, value(i))).collect() }
    }

    #[test]
    fn a_spike_survives_thinning_and_x_ascends() {
        let thinned = series(100_000, |i| if i == 54_321 { 9.0 } else { (i % 7) as f64 / 10.0 }).raw();
        assert!(thinned.len() <= THIN_ABOVE + 2, "{}", thinned.len());
        assert!(thinned.contains(&(54_321.0, 9.0)));
        assert!(thinned.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_gap_survives_thinning() {
        let thinned = series(10_000, |i| if i == 5_000 { f64::NAN } else { 1.0 }).raw();
        assert_eq!(thinned.iter().filter(|point| point.1.is_nan()).count(), 1);
    }

    #[test]
    fn smoothing_keeps_a_constant_and_starts_at_the_data() {
        assert!(series(200, |_| 1.0).smooth().is_none());
        let smooth = series(1000, |_| 3.0).smooth().unwrap();
        assert!(smooth.iter().all(|point| (point.1 - 3.0).abs() < 1e-12));
    }
}
