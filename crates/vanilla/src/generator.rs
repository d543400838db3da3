//! The generator: fully connected layers with ReLU (section 5).

use crate::config::Config;
use gan_core::error::Result;
use gan_core::nn::{Init, Linear, Scope};
use gan_core::tensor::guard::{ANY, shape};
use tch::Tensor;

/// Latents to points or images.
#[derive(Debug)]
pub struct Generator {
    /// Each followed by ReLU.
    hidden: Vec<Linear>,
    last: Linear,
    latent: i64,
    image: [i64; 3],
}

impl Generator {
    /// A generator whose parameters are named `layers.0.weight`, `layers.0.bias`, `layers.1.weight`, ... in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(scope: Scope, config: &Config) -> Result<Self> {
        let image = [config.channels, config.size, config.size];
        let sizes = [config.latent, config.generator_width, image.iter().product()];
        let (hidden, last) = layers(scope, config.generator_layers, sizes, 1)?;
        Ok(Self { hidden, last, latent: config.latent, image })
    }

    /// # Shapes
    /// `z` `[N, latent]` or `[N, latent, 1, 1]`; out `[N, channels, size, size]`, in [-1, 1] if size is above 1
    ///
    /// # Errors
    /// Latents of another shape; LibTorch's.
    pub fn forward(&self, z: &Tensor) -> Result<Tensor> {
        let mut x = z.f_flatten(1, -1)?;
        shape("latent", &x, &[ANY, self.latent])?;
        for layer in &self.hidden {
            x = layer.forward(&x)?.f_relu()?; // [N, width]
        }
        let [channels, height, width] = self.image;
        let x = self.last.forward(&x)?.f_reshape([-1, channels, height, width])?;
        // Points are anywhere in the plane.
        if height == 1 { Ok(x) } else { Ok(x.f_tanh()?) }
    }
}

/// Hidden layers and the last one.
type Layers = (Vec<Linear>, Linear);

/// `count` hidden layers and a last one, named `layers.0`, `layers.1`, ...; sizes are those of input, hidden layers and
/// output, and each hidden unit has so many pieces. Weights begin uniformly, as PyTorch's.
pub(crate) fn layers(mut scope: Scope, count: i64, sizes: [i64; 3], pieces: i64) -> Result<Layers> {
    let [mut inputs, width, outputs] = sizes;
    let mut scope = scope.sub("layers");
    let mut hidden = Vec::new();
    for layer in 0..count {
        hidden.push(Linear::new(scope.sub(layer), inputs, width * pieces, Init::PyTorch)?);
        inputs = width;
    }
    Ok((hidden, Linear::new(scope.sub(count), inputs, outputs, Init::PyTorch)?))
}
