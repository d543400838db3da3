//! Fully connected networks: what the first GANs were made of (Goodfellow et al. 2014; conditional ones, Mirza & Osindero
//! 2014), and what learns points.

use crate::error::Result;
use crate::nn::{Init, Linear, Scope, leaky_relu};
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

/// Hidden layers of one width, each followed by an activation, and a last one.
#[derive(Debug)]
pub struct Mlp {
    hidden: Vec<Linear>,
    activation: Activation,
    last: Linear,
}

impl Mlp {
    /// A network of `count` hidden layers and the last one, named `0`, `1`, ... in `scope`, with sizes of input, hidden
    /// layers and output. Weights begin uniformly, as PyTorch's.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, count: i64, sizes: [i64; 3], activation: Activation) -> Result<Self> {
        let [mut inputs, width, outputs] = sizes;
        let mut hidden = Vec::new();
        for layer in 0..count {
            let units = width * activation.pieces();
            hidden.push(Linear::new(scope.sub(layer), inputs, units, Init::PyTorch)?);
            inputs = width;
        }
        let last = Linear::new(scope.sub(count), inputs, outputs, Init::PyTorch)?;
        Ok(Self { hidden, activation, last })
    }

    /// # Shapes
    /// `x` `[N, inputs]`; out `[N, outputs]`, and what the last layer saw, `[N, width]`
    ///
    /// # Errors
    /// LibTorch's.
    pub fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let mut x = x.shallow_clone();
        for layer in &self.hidden {
            x = self.activation.of(layer.forward(&x)?)?; // [N, width]
        }
        Ok((self.last.forward(&x)?, x))
    }
}
