//! What networks are told about an image: the number of its class, or numbers, or that nothing is known.
//!
//! Labels come as the data has them, i64 `[N]` or f32 `[N, K]`. Networks are given them *told*: classes as they are, with one
//! number more for "none"; attributes scaled to [-1, 1] with a 1 behind them, all 0 for "none".

use crate::config::{Condition, Config, GeneratorCondition};
use gan_core::error::{Error, Result};
use gan_core::nn::{Condition as NormCondition, Embedding, Init, Linear, Mode, Scope, WeightOptions};
use gan_core::tensor::guard::{ANY, shape};
use tch::{Device, Kind, Tensor};

/// The conditions of a configuration.
#[derive(Debug)]
pub struct Conditions {
    kind: Kinds,
    /// Whether an image may come without a condition.
    with_none: bool,
}

#[derive(Debug)]
enum Kinds {
    Classes(i64),
    /// Lowest values and 2 / (highest - lowest), f32 `[K]`.
    Attributes {
        low: Tensor,
        factor: Tensor,
    },
}

impl Conditions {
    /// Of a configuration that names its classes or attributes.
    ///
    /// # Errors
    /// None are named; LibTorch's.
    pub fn new(config: &Config, device: Device) -> Result<Self> {
        let missing = |field: &str, what: &str| {
            let why = format!("none are named; train on data that has {what}");
            Err(Error::config(format!("cgan.{field}"), why))
        };
        let kind = match config.condition {
            Condition::Classes if config.classes.is_empty() => {
                return missing("classes", "classes, such as a folder with a folder for each");
            }
            Condition::Attributes if config.attributes.is_empty() => {
                return missing("attributes", "an attributes.csv beside the images");
            }
            Condition::Classes => Kinds::Classes(config.classes.len() as i64),
            Condition::Attributes => {
                let of = |value: &dyn Fn(f64, f64) -> f64| -> Result<Tensor> {
                    let values: Vec<f32> =
                        config.attributes.iter().map(|a| value(a.low, a.high) as f32).collect();
                    Ok(Tensor::f_from_slice(&values)?.f_to_device(device)?)
                };
                Kinds::Attributes { low: of(&|low, _| low)?, factor: of(&|low, high| 2.0 / (high - low))? }
            }
        };
        Ok(Self { kind, with_none: config.label_dropout > 0.0 })
    }

    /// The same tensors, for another owner.
    pub(crate) fn shallow_clone(&self) -> Self {
        let kind = match &self.kind {
            Kinds::Classes(count) => Kinds::Classes(*count),
            Kinds::Attributes { low, factor } => {
                Kinds::Attributes { low: low.shallow_clone(), factor: factor.shallow_clone() }
            }
        };
        Self { kind, with_none: self.with_none }
    }

    /// Classes, or attributes.
    pub fn count(&self) -> i64 {
        match &self.kind {
            Kinds::Classes(count) => *count,
            Kinds::Attributes { low, .. } => low.size()[0],
        }
    }

    /// Numbers in [`Conditions::vector`].
    pub fn width(&self) -> i64 {
        match &self.kind {
            Kinds::Classes(count) => *count,
            Kinds::Attributes { low, .. } => low.size()[0] + 1,
        }
    }

    /// Labels of the data as networks are told them. Of classes also mixtures, which a generator takes: the share of each.
    ///
    /// # Shapes
    /// i64 `[N]` to the same; f32 `[N, K]` of attributes to `[N, K + 1]`; f32 `[N, classes]` of mixtures to as many as there are rows in
    /// a table
    ///
    /// # Errors
    /// Labels of another shape; LibTorch's.
    pub fn told(&self, labels: &Tensor) -> Result<Tensor> {
        match &self.kind {
            Kinds::Classes(classes) if labels.is_floating_point() => {
                shape("shares of classes", labels, &[ANY, *classes])?;
                let none = [labels.size()[0], i64::from(self.with_none)];
                let none = Tensor::f_zeros(none, (Kind::Float, labels.device()))?;
                Ok(Tensor::f_cat(&[labels.shallow_clone(), none], 1)?)
            }
            Kinds::Classes(_) => {
                shape("labels", labels, &[ANY])?;
                Ok(labels.shallow_clone())
            }
            Kinds::Attributes { low, factor } => {
                shape("attributes", labels, &[ANY, low.size()[0]])?;
                let scaled = labels.f_sub(low)?.f_mul(factor)?.f_sub_scalar(1.0)?;
                let known = Tensor::f_ones([scaled.size()[0], 1], (Kind::Float, scaled.device()))?;
                Ok(Tensor::f_cat(&[scaled, known], 1)?)
            }
        }
    }

    /// What stands for "none", so many times.
    ///
    /// # Errors
    /// Networks that never learned to do without a condition; LibTorch's.
    pub fn none(&self, count: i64, device: Device) -> Result<Tensor> {
        if !self.with_none {
            let why = "it was trained with a condition for every image; name one, or train with label_dropout above 0";
            return Err(Error::config("labels", why));
        }
        Ok(match &self.kind {
            Kinds::Classes(classes) => Tensor::f_full([count], *classes, (Kind::Int64, device))?,
            Kinds::Attributes { .. } => Tensor::f_zeros([count, self.width()], (Kind::Float, device))?,
        })
    }

    /// Told conditions, withheld where `draws`, uniform in [0, 1), lie below `share`.
    ///
    /// # Errors
    /// As [`Conditions::none`].
    pub fn withheld(&self, told: &Tensor, draws: &Tensor, share: f64) -> Result<Tensor> {
        let none = self.none(told.size()[0], told.device())?;
        let mut here = draws.f_lt(share)?;
        if told.dim() == 2 {
            here = here.f_unsqueeze(1)?;
        }
        Ok(none.f_where_self(&here, told)?)
    }

    /// Told conditions as numbers: one for the class and 0 for the others, or the attributes.
    ///
    /// # Shapes
    /// Out f32 `[N, width]`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn vector(&self, told: &Tensor) -> Result<Tensor> {
        match &self.kind {
            Kinds::Classes(classes) => {
                let numbers = Tensor::f_arange(*classes, (Kind::Int64, told.device()))?;
                Ok(told.f_unsqueeze(1)?.f_eq_tensor(&numbers)?.f_to_kind(Kind::Float)?)
            }
            Kinds::Attributes { .. } => Ok(told.shallow_clone()),
        }
    }

    /// What a conditional normalisation depends on.
    pub fn norm(&self) -> NormCondition {
        match &self.kind {
            Kinds::Classes(classes) => NormCondition::Classes(classes + i64::from(self.with_none)),
            Kinds::Attributes { .. } => NormCondition::Vector(self.width()),
        }
    }

    /// A learned vector of so many numbers for each condition.
    ///
    /// # Errors
    /// A name given twice; LibTorch's.
    pub fn embed(&self, scope: Scope, outputs: i64, weight: impl Into<WeightOptions>) -> Result<Embed> {
        Ok(match &self.kind {
            Kinds::Classes(classes) => {
                let rows = classes + i64::from(self.with_none);
                Embed::Table(Embedding::new(scope, rows, outputs, weight)?)
            }
            Kinds::Attributes { .. } => {
                Embed::Map(Linear::without_bias(scope, self.width(), outputs, weight)?)
            }
        })
    }
}

/// Told conditions to vectors.
#[derive(Debug)]
pub enum Embed {
    /// A row for each class.
    Table(Embedding),
    /// A linear map of attributes.
    Map(Linear),
}

impl Embed {
    /// How tables begin: as PyTorch's.
    pub const INIT: Init = Init::Normal { mean: 0.0, std: 1.0 };

    /// # Shapes
    /// Out `[N, outputs]`
    ///
    /// # Errors
    /// A class that is not there; LibTorch's.
    pub fn forward(&self, told: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Table(table) => table.forward_in(told, mode),
            Self::Map(map) => map.forward_in(told, mode),
        }
    }
}

/// The vector for a condition that a generator is given beside the latent; none where only normalisations are told.
#[derive(Debug)]
pub struct BesideLatent {
    label: Option<(Embed, i64)>,
}

impl BesideLatent {
    /// `label_emb.weight` in `scope`.
    ///
    /// # Errors
    /// A name given twice; LibTorch's.
    pub fn new(scope: &mut Scope, config: &Config, conditions: &Conditions) -> Result<Self> {
        if config.generator_condition == GeneratorCondition::Norm {
            return Ok(Self { label: None });
        }
        let width = config.embedding_width(conditions);
        Ok(Self { label: Some((conditions.embed(scope.sub("label_emb"), width, Embed::INIT)?, width)) })
    }

    /// Numbers in it.
    pub fn width(&self) -> i64 {
        self.label.as_ref().map_or(0, |(_, width)| *width)
    }

    /// # Shapes
    /// `z` `[N, latent]`; out `[N, width + latent]`, the condition first
    ///
    /// # Errors
    /// A class that is not there; LibTorch's.
    pub fn joined(&self, z: &Tensor, told: &Tensor, mode: Mode) -> Result<Tensor> {
        match &self.label {
            Some((label, _)) => Ok(Tensor::f_cat(&[label.forward(told, mode)?, z.shallow_clone()], 1)?),
            None => Ok(z.shallow_clone()),
        }
    }
}
