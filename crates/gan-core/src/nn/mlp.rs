//! Fully connected networks: what the first GANs were made of (Goodfellow et al. 2014; conditional ones, Mirza & Osindero
//! 2014), and what learns points.

use crate::error::Result;
use crate::nn::{BatchNorm2d, Init, Linear, Mode, Scope, leaky_relu};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// What follows a hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x)
    Relu,
    /// max(0.2 x, x)
    LeakyRelu,
    /// The largest of five linear functions (Goodfellow et al. 2013; five as in Mirza & Osindero 2014 and PacGAN).
    Maxout,
}

impl Activation {
    /// Linear functions for each unit.
    fn pieces(self) -> i64 {
        if self == Self::Maxout { 5 } else { 1 }
    }

    /// `[N, width * pieces]` to `[N, width]`
    fn of(self, x: Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Relu => x.f_relu()?,
            Self::LeakyRelu => leaky_relu(x, 0.2)?,
            Self::Maxout => x.f_unflatten(1, [-1, self.pieces()])?.f_amax([2i64].as_slice(), false)?,
        })
    }
}

/// What the hidden layers of an [`Mlp`] are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MlpStyle {
    /// What follows each.
    pub activation: Activation,
    /// Whether batch normalisation stands between a layer, then without a bias, and its activation.
    pub batch_norm: bool,
    /// How weights begin, the last layer's too.
    pub init: Init,
}

/// Hidden layers of one width, each followed by an activation, and a last one.
#[derive(Debug)]
pub struct Mlp {
    hidden: Vec<(Linear, Option<BatchNorm2d>)>,
    activation: Activation,
    last: Linear,
}

impl Mlp {
    /// A network of `count` hidden layers and the last one, named `0`, `1`, ... in `scope` and their normalisations
    /// `0.norm`, ..., with sizes of input, hidden layers and output.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, count: i64, sizes: [i64; 3], style: MlpStyle) -> Result<Self> {
        let [mut inputs, width, outputs] = sizes;
        let MlpStyle { activation, batch_norm, init } = style;
        let mut hidden = Vec::new();
        for layer in 0..count {
            let units = width * activation.pieces();
            let mut scope = scope.sub(layer);
            hidden.push(if batch_norm {
                let norm = BatchNorm2d::new(scope.sub("norm"), units, Init::Ones)?;
                (Linear::without_bias(scope, inputs, units, init)?, Some(norm))
            } else {
                (Linear::new(scope, inputs, units, init)?, None)
            });
            inputs = width;
        }
        let last = Linear::new(scope.sub(count), inputs, outputs, init)?;
        Ok(Self { hidden, activation, last })
    }

    /// # Shapes
    /// `x` `[N, inputs]`; out `[N, outputs]`, and what the last layer saw, `[N, width]`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<(Tensor, Tensor)> {
        let mut x = x.shallow_clone();
        for (layer, norm) in &self.hidden {
            x = layer.forward(&x)?; // [N, width * pieces]
            if let Some(norm) = norm {
                x = norm.forward(&x, mode)?;
            }
            x = self.activation.of(x)?; // [N, width]
        }
        Ok((self.last.forward(&x)?, x))
    }
}
