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
    /// Scalars as they are.
    scalars: Slots,
    /// Of larger tensors count, sum and sum of squares.
    sums: Slots,
}

/// Numbers on the device, in memory that is kept. Small tensors of their own, alive for thousands of steps, would lie
/// between the large ones of every step and keep the heap from being used again.
#[derive(Debug, Default)]
struct Slots {
    /// f32 `[CHUNK]` each.
    chunks: Vec<Tensor>,
    filled: i64,
}

impl Slots {
    /// Whole scalars and whole triples.
    const CHUNK: i64 = 3 * 256;

    fn push(&mut self, values: &Tensor) -> Result<(), tch::TchError> {
        let (chunk, slot) = (self.filled / Self::CHUNK, self.filled % Self::CHUNK);
        if chunk == self.chunks.len() as i64 {
            self.chunks.push(Tensor::f_zeros([Self::CHUNK], (Kind::Float, values.device()))?);
        }
        let count = values.numel() as i64;
        let mut slots = self.chunks[chunk as usize].f_narrow(0, slot, count)?;
        slots.f_copy_(&values.f_reshape([count])?)?;
        self.filled += count;
        Ok(())
    }

    /// Reads and forgets. What cannot be read is left out: a log line must not end a run.
    fn take(&mut self) -> Vec<f32> {
        let filled = std::mem::take(&mut self.filled);
        let used = (filled + Self::CHUNK - 1) / Self::CHUNK;
        if used == 0 {
            return Vec::new();
        }
        let read = Tensor::f_cat(&self.chunks[..used as usize], 0)
            .and_then(|all| all.f_narrow(0, 0, filled)?.f_to_device(Device::Cpu));
        read.and_then(|all| Vec::<f32>::try_from(&all)).unwrap_or_default()
    }
}

impl Recorder {
    /// Keeps a tensor's values. Scalars cost a copy now; larger ones are reduced on their device.
    /// What LibTorch refuses to reduce is left out: a log line must not end a run.
    pub fn record(&self, name: &str, value: &Tensor) {
        let mut all = self.series.borrow_mut();
        let place = all.iter().position(|series| series.name == name).unwrap_or_else(|| {
            all.push(Series { name: name.to_owned(), scalars: Slots::default(), sums: Slots::default() });
            all.len() - 1
        });
        let series = &mut all[place];
        let _ = value.f_detach().and_then(|value| {
            if value.numel() == 1 {
                return series.scalars.push(&value);
            }
            let value = value.f_to_kind(Kind::Float)?;
            let count = Tensor::f_full([1], value.numel() as i64, (Kind::Float, value.device()))?;
            let sums = [value.f_sum(Kind::Float)?, value.f_square()?.f_sum(Kind::Float)?];
            series.sums.push(&Tensor::f_cat(&[count, Tensor::f_stack(&sums, 0)?], 0)?)
        });
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
            if let Some(moments) = moments_of(&series.scalars.take(), &series.sums.take()) {
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

fn moments_of(scalars: &[f32], sums: &[f32]) -> Option<Moments> {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for value in scalars.iter().map(|value| f64::from(*value)) {
        (count, sum, squares) = (count + 1.0, sum + value, squares + value * value);
    }
    for of_one in sums.chunks_exact(3) {
        count += f64::from(of_one[0]);
        sum += f64::from(of_one[1]);
        squares += f64::from(of_one[2]);
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
    fn thousands_of_steps_are_remembered() {
        let recorder = Recorder::default();
        for again in [0, 1] {
            for step in 0..2_000 {
                recorder.record("scalar", &Tensor::from(f64::from(step + again)));
                recorder.record("pair", &Tensor::from_slice(&[step, step + 2]));
            }
            let read = recorder.drain();
            assert_eq!((read[0].1.count, read[1].1.count), (2_000, 4_000));
            assert_eq!([read[0].1.mean, read[1].1.mean], [999.5 + f64::from(again), 1000.5]);
        }
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
