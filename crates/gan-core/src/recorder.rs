//! Values of a step, kept on the device and read once per report.

use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::time::Duration;
use tch::{Device, Kind, Tensor};

/// Count, mean and standard deviation of what was recorded under a name since the last report.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Mean of all values; NaN where one was.
    #[serde(with = "crate::recorder::number")]
    pub mean: f64,
    /// Standard deviation of all values (biased).
    #[serde(with = "crate::recorder::number")]
    pub std: f64,
    /// How many values.
    pub count: u64,
}

/// Collects `(name, tensor)` between reports.
#[derive(Debug, Default)]
pub struct Recorder {
    /// Whether players record the gradient norm of every single parameter, not only of all together.
    pub detailed: Cell<bool>,
    series: RefCell<Vec<Series>>,
    phases: RefCell<Vec<(&'static str, Duration)>>,
}

#[derive(Debug)]
struct Series {
    name: String,
    /// f32 `[3]` each: count, sum, sum of squares; scalars are kept as they are.
    pending: Vec<Tensor>,
}

impl Recorder {
    /// Keeps a tensor's values. Scalars cost nothing now; larger ones are reduced on their device.
    /// What LibTorch refuses to reduce is left out: a log line must not end a run.
    pub fn record(&self, name: &str, value: &Tensor) {
        let reduced = value.f_detach().and_then(|value| {
            if value.numel() == 1 {
                return value.f_reshape([1i64])?.f_to_kind(Kind::Float);
            }
            let value = value.f_to_kind(Kind::Float)?;
            let count = Tensor::f_full([1], value.numel() as i64, (Kind::Float, value.device()))?;
            let sums = [value.f_sum(Kind::Float)?, value.f_square()?.f_sum(Kind::Float)?];
            Tensor::f_cat(&[count, Tensor::f_stack(&sums, 0)?], 0)
        });
        let Ok(reduced) = reduced else { return };
        let mut series = self.series.borrow_mut();
        match series.iter_mut().find(|series| series.name == name) {
            Some(series) => series.pending.push(reduced),
            None => series.push(Series { name: name.to_owned(), pending: vec![reduced] }),
        }
    }

    /// Adds to the time spent in a phase.
    pub fn phase(&self, name: &'static str, spent: Duration) {
        let mut phases = self.phases.borrow_mut();
        match phases.iter_mut().find(|(known, _)| *known == name) {
            Some((_, total)) => *total += spent,
            None => phases.push((name, spent)),
        }
    }

    /// Reads and forgets everything recorded, in the order of first recording. The one host read per tick.
    pub fn drain(&self) -> Vec<(String, Moments)> {
        let mut read = Vec::new();
        for series in self.series.borrow_mut().iter_mut() {
            let pending = std::mem::take(&mut series.pending);
            if let Some(moments) = moments_of(&pending) {
                read.push((series.name.clone(), moments));
            }
        }
        read
    }

    /// Reads and forgets the seconds spent in each phase.
    pub fn drain_phases(&self) -> Vec<(&'static str, f64)> {
        self.phases.borrow_mut().drain(..).map(|(name, spent)| (name, spent.as_secs_f64())).collect()
    }
}

fn moments_of(pending: &[Tensor]) -> Option<Moments> {
    let joined = Tensor::f_cat(pending, 0).ok()?.f_to_device(Device::Cpu).ok()?;
    let values = Vec::<f32>::try_from(&joined).ok()?;
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    let mut at = 0;
    for tensor in pending {
        if tensor.numel() == 1 {
            let value = f64::from(values[at]);
            (count, sum, squares) = (count + 1.0, sum + value, squares + value * value);
            at += 1;
        } else {
            count += f64::from(values[at]);
            sum += f64::from(values[at + 1]);
            squares += f64::from(values[at + 2]);
            at += 3;
        }
    }
    if count == 0.0 {
        return None;
    }
    let mean = sum / count;
    let variance = squares / count - mean * mean;
    let std = if variance.is_nan() { f64::NAN } else { variance.max(0.0).sqrt() };
    Some(Moments { mean, std, count: count as u64 })
}

/// JSON has no word for NaN: it is written as null and read back as NaN.
pub(crate) mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { serializer.serialize_f64(*value) } else { serializer.serialize_none() }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_and_vectors_have_the_same_moments() {
        let recorder = Recorder::default();
        let values = [1.0f32, 2.0, 6.0];
        recorder.record("vector", &Tensor::from_slice(&values));
        for value in values {
            recorder.record("scalar", &Tensor::from(value));
        }
        let read = recorder.drain();
        assert_eq!((read[0].0.as_str(), read[1].0.as_str()), ("vector", "scalar"));
        assert_eq!(read[0].1, read[1].1);
        assert!((read[0].1.mean - 3.0).abs() < 1e-12 && read[0].1.count == 3);
        assert!((read[0].1.std - (14.0f64 / 3.0).sqrt()).abs() < 1e-6);
        assert!(recorder.drain().is_empty());
    }

    #[test]
    fn nan_is_seen_and_written_as_null() {
        let recorder = Recorder::default();
        recorder.record("loss", &Tensor::from(f32::NAN));
        let moments = recorder.drain()[0].1;
        assert!(moments.mean.is_nan());
        let text = serde_json::to_string(&moments).expect("json");
        assert_eq!(text, r#"{"mean":null,"std":null,"count":1}"#);
        assert!(serde_json::from_str::<Moments>(&text).expect("back").mean.is_nan());
    }
}
