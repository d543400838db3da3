//! Features and scores.

use anyhow::{Context, Result};
use gan_core::device::DevicePolicy;
use gan_core::random::Streams;
use gan_core::tensor::file::Named;
use gan_metrics::extract::{Convention, Extract, Inception, Tap, Weights};
use gan_metrics::{Gaussian, KernelOptions, frechet, kernel_distance, neighbours};
use serde_json::Value;
use std::path::Path;
use tch::{Device, Kind, Tensor};

use crate::Options;
use crate::case::Case;

/// Features and numbers in one, of each side.
const FEATURES: [i64; 2] = [10_000, 2_048];
const PICTURES: [i64; 4] = [32, 3, 299, 299];

/// What is timed.
pub enum Metric {
    Inception { network: Box<Inception>, pictures: Tensor },
    Fid([Tensor; 2]),
    Kid([Tensor; 2]),
    Prdc([Tensor; 2]),
}

impl Metric {
    /// The case's, if it is one of these.
    pub fn new(options: &Options) -> Result<Option<Self>> {
        let kind = match options.case {
            Case::Inception => Kind::Float,
            Case::InceptionBf16 => Kind::BFloat16,
            Case::Fid | Case::Kid | Case::Prdc => Kind::Double,
            _ => return Ok(None),
        };
        DevicePolicy::resolve("cpu", "f32", options.threads)?.apply();
        let streams = Streams::new(1, 0, 0, Device::Cpu);
        if kind != Kind::Double {
            let weights = Weights::new(random_weights(&streams)?, Path::new("random"));
            let pictures =
                streams.uniform("pictures", &PICTURES)?.f_mul_scalar(255.0)?.f_to_kind(Kind::Uint8)?;
            let network = Inception::new(&weights, Tap::Pool3, Convention::PytorchFid, Device::Cpu, kind)?;
            return Ok(Some(Self::Inception { network: Box::new(network), pictures }));
        }
        let side = |name: &str| -> Result<Tensor> { Ok(streams.normal(name, &FEATURES)?.f_abs_()?) };
        let sides = [side("generated")?, side("real")?];
        Ok(Some(match options.case {
            Case::Fid => Self::Fid(sides),
            Case::Kid => Self::Kid(sides),
            _ => Self::Prdc(sides),
        }))
    }

    pub fn iteration(&mut self) -> Result<()> {
        match self {
            Self::Inception { network, pictures } => {
                network.extract(pictures)?;
            }
            Self::Fid(sides) => {
                let gaussian = |features: &Tensor| -> Result<Gaussian> {
                    let mut gaussian = Gaussian::new(FEATURES[1])?;
                    for part in features.f_split(500, 0)? {
                        gaussian.push(&part)?;
                    }
                    Ok(gaussian)
                };
                frechet(&gaussian(&sides[0])?, &gaussian(&sides[1])?)?;
            }
            Self::Kid(sides) => {
                kernel_distance(&sides[0], &sides[1], KernelOptions::default())?;
            }
            Self::Prdc(sides) => {
                neighbours(&sides[0], &sides[1], 5)?;
            }
        }
        Ok(())
    }
}

/// Weights of the shapes that the recorded Inception has: the real ones are 91 MB to download.
fn random_weights(streams: &Streams) -> Result<Named> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/metrics_inception.json");
    let text = std::fs::read_to_string(&golden).with_context(|| golden.display().to_string())?;
    let golden: Value = serde_json::from_str(&text)?;
    let keys = golden["inception_keys"].as_array().context("the golden has no inception_keys")?;
    keys.iter()
        .map(|key| {
            let name = key[0].as_str().context("a key without a name")?;
            let shape: Vec<i64> = key[1]
                .as_array()
                .context("a key without a shape")?
                .iter()
                .filter_map(Value::as_i64)
                .collect();
            let values = streams.uniform(name, &shape)?.f_add_scalar(0.5)?.f_mul_scalar(0.02)?;
            Ok((name.to_owned(), values))
        })
        .collect()
}
