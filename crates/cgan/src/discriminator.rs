//! The discriminator: images and conditions to logits, and what all its forms do with their last features.

use crate::condition::{Conditions, Embed};
use crate::config::{Config, DiscriminatorCondition, Network};
use crate::convolutional::ConvolutionalFeatures;
use crate::mlp::MlpFeatures;
use gan_core::error::{Error, Result};
use gan_core::game::Verdict;
use gan_core::nn::{Init, Linear, Mode, Scope, WeightOptions};
use gan_core::random::Streams;
use gan_core::tensor::guard::shape;
use tch::{Kind, Tensor};

/// Features by either form of network, one number from them, and what the condition has to do with it.
#[derive(Debug)]
pub struct Discriminator {
    features: Form,
    last: Linear,
    projection: Option<Embed>,
    classifier: Option<Linear>,
    /// The weight of the classifier's loss.
    weight: f64,
    image: [i64; 3],
}

#[derive(Debug)]
enum Form {
    Convolutional(ConvolutionalFeatures),
    Mlp(MlpFeatures),
}

/// How the discriminator looks at images.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Whether statistics are the batch's.
    pub mode: Mode,
    /// Where dropout draws from; none: nothing is dropped.
    pub noise: Option<&'a Streams>,
}

impl Look<'_> {
    /// For judging outside a step.
    pub const STILL: Self = Self { mode: Mode::Eval, noise: None };
}

impl Discriminator {
    /// A discriminator in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config, conditions: &Conditions) -> Result<Self> {
        let (features, outputs, pooled, name, weight);
        match config.network {
            Network::Convolutional => {
                let network = ConvolutionalFeatures::new(&mut scope, config, conditions)?;
                (outputs, pooled) = (16 * network.outputs(), network.outputs());
                (name, weight) = ("last".to_owned(), config.discriminator_norm.weight());
                features = Form::Convolutional(network);
            }
            Network::Mlp => {
                features = Form::Mlp(MlpFeatures::new(&mut scope, config, conditions)?);
                (outputs, pooled) = (config.discriminator_width, config.discriminator_width);
                (name, weight) = (format!("model.{}", MlpFeatures::LAST), WeightOptions::from(Init::PyTorch));
            }
        }
        let last = Linear::new(scope.sub(name), outputs, 1, weight)?;
        let told = config.discriminator_condition;
        let vectors = config.discriminator_norm.weight();
        let projection = told
            .projects()
            .then(|| conditions.embed(scope.sub("projection"), pooled, vectors))
            .transpose()?;
        let classes = conditions.count();
        let classifier = told
            .classifies()
            .then(|| Linear::new(scope.sub("classifier"), outputs, classes, weight))
            .transpose()?;
        let image = [config.channels, config.size, config.size];
        Ok(Self { features, last, projection, classifier, weight: config.classifier, image })
    }

    /// # Shapes
    /// `images` `[N, channels, size, size]` in [-1, 1], `told` as of [`Conditions::told`]; out: logits `[N]`, high for reals
    ///
    /// # Errors
    /// Images of another shape; a class that is not there; LibTorch's.
    pub fn judge(
        &self,
        images: &Tensor,
        told: &Tensor,
        conditions: &Conditions,
        look: Look,
    ) -> Result<Verdict> {
        let [channels, height, width] = self.image;
        shape("discriminator input", images, &[told.size()[0], channels, height, width])?;
        // Features as they are, [N, outputs], and as a condition is projected on them, [N, pooled].
        let (features, pooled) = match &self.features {
            Form::Convolutional(network) => {
                let maps = network.forward(images, told, conditions, look)?; // [N, outputs, 4, 4]
                let pooled = maps.f_sum_dim_intlist([2i64, 3].as_slice(), false, None::<Kind>)?;
                (maps.f_flatten(1, -1)?, pooled)
            }
            Form::Mlp(network) => {
                let features = network.forward(images, told, look)?;
                (features.shallow_clone(), features)
            }
        };
        let mut logits = self.last.forward_in(&features, look.mode)?.f_reshape([-1i64])?;
        if let Some(projection) = &self.projection {
            let vector = projection.forward(told, look.mode)?;
            logits = logits.f_add(&vector.f_mul(&pooled)?.f_sum_dim_intlist(
                [1i64].as_slice(),
                false,
                None::<Kind>,
            )?)?;
        }
        let classification = match &self.classifier {
            Some(classifier) => {
                let guess = classifier.forward_in(&features, look.mode)?;
                Some(guessed(&guess, told)?.f_mul_scalar(self.weight)?)
            }
            None => None,
        };
        Ok(Verdict { logits, features: Some(features), classification })
    }
}

/// What a guess of the condition costs: cross-entropy of classes (Odena et al. 2017, equation 3), for attributes the mean
/// squared distance. Of what was withheld nothing can be guessed: it does not count.
fn guessed(guess: &Tensor, told: &Tensor) -> Result<Tensor> {
    let (guess, count) = (guess.f_to_kind(Kind::Float)?, guess.size()[1]);
    let (costs, known) = match told.dim() {
        1 => {
            let labels = told.f_clamp_max(count - 1)?.f_unsqueeze(1)?;
            let costs = guess.f_log_softmax(1, None::<Kind>)?.f_gather(1, &labels, false)?.f_neg()?;
            (costs.f_squeeze_dim(1)?, told.f_lt(count)?.f_to_kind(Kind::Float)?)
        }
        2 => {
            let squares = guess.f_sub(&told.f_narrow(1, 0, count)?)?.f_square()?;
            (squares.f_mean_dim([1i64].as_slice(), false, Kind::Float)?, told.f_select(1, count)?)
        }
        _ => return Err(Error::config("labels", "are neither classes nor attributes")),
    };
    let sum = |x: &Tensor| x.f_sum(Kind::Float);
    Ok(sum(&costs.f_mul(&known)?)?.f_div(&sum(&known)?.f_clamp_min(1.0)?)?)
}

impl DiscriminatorCondition {
    /// Whether features are made from image and condition together.
    pub(crate) fn is_input(self) -> bool {
        matches!(self, Self::Embedding | Self::Planes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_core::loss::classification::cross_entropy;

    #[test]
    fn a_guess_costs_what_is_known_of_it() {
        let guess = Tensor::from_slice2(&[[1f32, 2.0, 3.0], [0.0, 0.0, 5.0], [9.0, 0.0, 0.0]]);
        let value = |x: Tensor| x.double_value(&[]);
        let all = Tensor::from_slice(&[2i64, 0, 1]);
        let expected = cross_entropy(&guess, &all).expect("a loss");
        assert!((value(guessed(&guess, &all).expect("a cost")) - value(expected)).abs() < 1e-6);
        let some = Tensor::from_slice(&[2i64, 3, 1]); // 3: withheld
        let kept = Tensor::from_slice(&[0i64, 2]);
        let expected =
            cross_entropy(&guess.index_select(0, &kept), &all.index_select(0, &kept)).expect("a loss");
        assert!((value(guessed(&guess, &some).expect("a cost")) - value(expected)).abs() < 1e-6);
        assert_eq!(value(guessed(&guess, &Tensor::from_slice(&[3i64, 3, 3])).expect("a cost")), 0.0);

        let told = Tensor::from_slice2(&[[0f32, 2.0, 3.0, 1.0], [0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 3.0, 1.0]]);
        let cost = value(guessed(&guess, &told).expect("a cost"));
        assert!((cost - (1.0 / 3.0 + 9.0 / 3.0) / 2.0).abs() < 1e-6, "{cost}");
    }
}
